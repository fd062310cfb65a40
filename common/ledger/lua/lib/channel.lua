-- Which queue the deliveries of a channel wait in: each has its own, so that a provider in trouble holds up no other.
-- The id of a delivery that is no mail ends with its channel: `bkg_…/1764856800000/24h.sms`.

local channel = {}

channel.QUEUES = {'send', 'send_sms'}

function channel.queue_of(id)
  local name = string.match(id, '%.(%l+)$')
  return name and 'send_' .. name or 'send'
end

return channel
