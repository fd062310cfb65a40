# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# nginx in front of the gateway, its certificate, and the firewall.

site=advent.conf

install_web() {
  [ "$nginx" = yes ] || { skip "nginx: --no-nginx"; return 0; }
  [ -n "$domain" ] || { skip "nginx: it needs --domain"; return 0; }
  first_certificate
  write_file "$prefix/etc/nginx/sites-available/$site" 644 < <(render "$here/nginx/$site")
  mkdir -p "$prefix/etc/nginx/sites-enabled"
  if [ ! -L "$prefix/etc/nginx/sites-enabled/$site" ]; then
    ln -s "../sites-available/$site" "$prefix/etc/nginx/sites-enabled/$site"
    did "site $site is enabled"
  fi
  if [ -n "$prefix" ]; then
    skip "nginx: a rehearsal does not change the machine's nginx; the site is in $prefix/etc/nginx"
    return
  fi
  nginx -t -q || die "nginx refuses its configuration (see above); it still runs with the old one"
  reload_nginx
  real_certificate
}

reload_nginx() { if has_systemd; then system enable --quiet nginx.service && system reload-or-restart nginx.service; fi; }

# nginx does not start without a certificate, and certbot needs nginx, so the first certificate is self-signed.
first_certificate() {
  local tls=$etc/tls
  if [ -n "$certificate" ]; then
    [ -r "$certificate" ] && [ -r "$key" ] || die "--certificate and --key: both must be readable files"
    ln -sfn "$(realpath -s "$certificate")" "$tls/fullchain.pem"
    ln -sfn "$(realpath -s "$key")" "$tls/privkey.pem"
    return
  fi
  [ ! -e "$tls/fullchain.pem" ] || return 0
  (umask 077 && openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj "/CN=$domain" \
    -addext "subjectAltName=DNS:$domain" -keyout "$tls/own-key.pem" -out "$tls/own.pem" 2>/dev/null)
  ln -sfn own.pem "$tls/fullchain.pem"
  ln -sfn own-key.pem "$tls/privkey.pem"
  did "a self-signed certificate, until certbot gets one"
}

# Print one line if nginx's certificate expires within 14 days; certbot renews it 30 days before.
certificate_trouble() {
  local file=$etc/tls/fullchain.pem cure='certbot renew --dry-run says why it is not renewed'
  [ -z "$certificate" ] || cure="put a newer one at $certificate"
  [ "$nginx" = yes ] && [ -n "$domain" ] && [ -e "$file" ] || return 0
  openssl x509 -in "$file" -noout -checkend $((14 * 86400)) > /dev/null ||
    echo "the certificate expires on $(openssl x509 -in "$file" -noout -enddate | cut -d= -f2): $cure"
}

is_self_signed() { [ "$(readlink "$etc/tls/fullchain.pem" 2> /dev/null)" = own.pem ]; }

# http2 is a directive since 1.25.1; before that, it was a parameter of `listen`.
http2_is_a_line() {
  local version
  version=$(nginx -v 2>&1 | sed -nE 's|^.*nginx/([0-9.]+).*$|\1|p')
  [ -n "$version" ] && [ "$(printf '%s\n1.25.1\n' "$version" | sort -V | head -n 1)" = 1.25.1 ]
}

real_certificate() {
  [ "$certbot" = yes ] && [ -z "$certificate" ] || { skip "certbot: --no-certbot, or a certificate of your own"; return 0; }
  local live=/etc/letsencrypt/live/$domain who=(--register-unsafely-without-email)
  if [ -n "$email" ]; then who=(--email "$email"); fi
  [ "$(readlink "$etc/tls/fullchain.pem")" != "$live/fullchain.pem" ] || return 0
  # Certbot's timer renews it; the hook makes nginx read the new one.
  if certbot certonly --webroot --webroot-path "$prefix/var/www/advent-acme" --domain "$domain" --non-interactive \
    --agree-tos "${who[@]}" --keep-until-expiring \
    --deploy-hook "systemctl reload nginx.service"; then
    ln -sfn "$live/fullchain.pem" "$etc/tls/fullchain.pem"
    ln -sfn "$live/privkey.pem" "$etc/tls/privkey.pem"
    reload_nginx
    did "a certificate for $domain, which certbot's timer renews"
  else
    warn "certbot got no certificate. $domain must lead to this machine, and port 80 must be open; then run install.sh again"
  fi
}

# Open ssh and the web ports, and close the others. Ports that you opened stay open.
install_firewall() {
  [ "$firewall" = yes ] || { skip "firewall: --no-firewall"; return 0; }
  if [ -n "$prefix" ] || ! is_root || [ ! -d /run/systemd/system ]; then
    skip "firewall: not changed in a rehearsal or without systemd"
    return
  fi
  local port
  # Open ssh first, on every port on which sshd listens, so that you are not locked out.
  for port in $(sshd -T 2>/dev/null | awk '$1 == "port" { print $2 }') $(echo "${SSH_CONNECTION:-}" | awk '{ print $4 }'); do
    ufw allow "$port/tcp" comment 'ssh' > /dev/null
  done
  if [ "$nginx" = yes ]; then
    ufw allow 80/tcp comment 'advent: certbot and redirects' > /dev/null
    ufw allow 443/tcp comment 'advent' > /dev/null
  fi
  if ! ufw status | grep -q '^Status: active'; then
    ufw default deny incoming > /dev/null
    ufw --force enable > /dev/null
    did "firewall: only ssh, 80 and 443 are open"
  fi
}

remove_web() {
  rm -f "$prefix/etc/nginx/sites-enabled/$site" "$prefix/etc/nginx/sites-available/$site"
  if [ -z "$prefix" ] && command -v nginx > /dev/null; then
    if has_systemd && nginx -t -q; then system reload nginx.service || true; fi
  fi
  if [ -z "$prefix" ] && command -v ufw > /dev/null && ufw status 2>/dev/null | grep -q "# advent"; then
    ufw delete allow 80/tcp > /dev/null || true
    ufw delete allow 443/tcp > /dev/null || true
    say "ports 80 and 443 are closed; the firewall stays on"
  fi
}
