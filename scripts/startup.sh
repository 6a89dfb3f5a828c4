#!/bin/bash
# Installs and runs the service. Every instance runs this at every boot, fetched anew from the bucket; to run it by hand:
#   sudo google_metadata_script_runner startup
# It fetches service.py from beside itself in the bucket with the instance's own token, so the instance's service account needs
# roles/storage.objectViewer on that bucket. Run again, it restarts the service only where something changed.
set -euo pipefail

readonly METADATA="http://${GCE_METADATA_HOST:-metadata.google.internal}/computeMetadata/v1/instance"
readonly STORAGE="${STORAGE_ENDPOINT:-https://storage.googleapis.com}"
readonly FOLDER=/opt/mig-nlb
readonly UNIT=/etc/systemd/system/mig-nlb.service
readonly TRIES=5

fail() {
  echo "error: $*" >&2
  exit 1
}

# metadata KEY [DEFAULT]: print an entry of the metadata server, or the default where there is no such entry.
metadata() {
  local answer status
  answer=$(curl --silent --show-error --retry "$TRIES" --retry-connrefused --max-time 10 --header 'Metadata-Flavor: Google' \
    --write-out '\n%{http_code}' "$METADATA/$1") || fail "the metadata server does not answer for $1"
  status=${answer##*$'\n'}
  case $status in
    200) printf '%s' "${answer%$'\n'*}" ;;
    404) [[ $# -gt 1 ]] || fail "the instance has no metadata entry $1"
         printf '%s' "$2" ;;
    *) fail "the metadata server answers $status for $1" ;;
  esac
}

# token: print an access token of the instance's service account.
token() {
  metadata service-accounts/default/token | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])' \
    || fail 'the instance has no service account, or its token cannot be read'
}

# download BUCKET OBJECT FILE: fetch an object; a few tries, since permissions and networks take a moment to settle.
download() {
  local bucket=$1 object=$2 file=$3 status try
  for ((try = 1; try <= TRIES; try++)); do
    # The token goes in on standard input: a command line can be read by every process on the instance.
    status=$(curl --silent --show-error --max-time 60 --output "$file" --write-out '%{http_code}' --config - \
      "$STORAGE/storage/v1/b/$bucket/o/${object//\//%2F}?alt=media" <<< "header = \"Authorization: Bearer $(token)\"") || status=none
    [[ $status != 200 ]] || return 0
    echo "gs://$bucket/$object: status $status, try $try of $TRIES" >&2
    ((try == TRIES)) || sleep "$try"
  done
  case $status in
    401 | 403) fail "gs://$bucket/$object: $status: the service account $(metadata service-accounts/default/email 'of this instance')" \
      "may not read it. Bind roles/storage.objectViewer on the bucket $bucket to it (mig-nlb:iam, bucket, in the stack's file)," \
      'then run: sudo google_metadata_script_runner startup' ;;
    404) fail "gs://$bucket/$object: 404: it is not in the bucket. Name it in mig-nlb:startup, files, in the stack's file" ;;
    none) fail "gs://$bucket/$object: $STORAGE cannot be reached. Without an external address the subnetwork needs Private Google Access" ;;
    *) fail "gs://$bucket/$object: status $status" ;;
  esac
}

# put FILE PLACE: move a new file into place; say by the exit status whether anything changed.
put() {
  if cmp --silent "$1" "$2"; then
    rm -f "$1"
    return 1
  fi
  chmod 0644 "$1"
  mv "$1" "$2"
}

main() {
  local url bucket object port changed=no running=no
  url=$(metadata attributes/startup-script-url)
  [[ $url == gs://*/* ]] || fail "startup-script-url is $url: expected gs://BUCKET/OBJECT"
  bucket=${url#gs://}
  object=${bucket#*/}
  bucket=${bucket%%/*}
  # Beside this script: the same folder of the bucket.
  if [[ $object == */* ]]; then object=${object%/*}/service.py; else object=service.py; fi
  port=$(metadata attributes/service-port 8080)
  [[ $port =~ ^[0-9]{1,5}$ ]] || fail "the metadata entry service-port is $port: expected a port number"

  mkdir -p "$FOLDER"
  download "$bucket" "$object" "$FOLDER/service.py.new"
  python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$FOLDER/service.py.new" \
    || fail "gs://$bucket/$object: not a Python program; the one that runs, if any, is kept"

  cat > "$UNIT.new" <<UNIT_FILE
[Unit]
Description=The service behind the load balancer
Wants=network-online.target
After=network-online.target

[Service]
Environment=PORT=$port
ExecStart=/usr/bin/python3 -u $FOLDER/service.py
Restart=always
RestartSec=1
TimeoutStopSec=30
LimitNOFILE=65536
DynamicUser=yes
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes

[Install]
WantedBy=multi-user.target
UNIT_FILE

  if put "$FOLDER/service.py.new" "$FOLDER/service.py"; then changed=yes; fi
  if put "$UNIT.new" "$UNIT"; then changed=yes; fi
  if systemctl is-active --quiet mig-nlb.service; then running=yes; fi
  systemctl daemon-reload
  systemctl enable --now mig-nlb.service
  if [[ $changed$running == yesyes ]]; then systemctl restart mig-nlb.service; fi
  echo "mig-nlb.service runs gs://$bucket/$object on port $port (changed: $changed)"
}

main "$@"
