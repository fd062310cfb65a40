-- The queue in which the deliveries of a channel wait: one for each channel, so that a provider in trouble delays no
-- other. The id of a delivery that is not mail ends with its channel: `bkg_…/1764856800000/24h.sms`.

local channel = {}

channel.QUEUES = {'send', 'send_sms'}

function channel.queue_of(id)
  local name = string.match(id, '%.(%l+)$')
  return name and 'send_' .. name or 'send'
end

return channel
