#!/usr/bin/env bash
# Proves the iSCSI target with the initiator of the Linux kernel: mutual CHAP, both digests, two
# paths under dm-multipath. Run as root in a Linux that may be thrown away: it overwrites
# /etc/iscsi and /etc/multipath.conf.
#
#   test/guest/iscsi.sh [CASE...]     exit status: 0 all passed, 1 some failed, 2 can't run
#
# The package must be built (npm run build). See README.md here.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 2
IQN=iqn.2026-01.org.example:disk
PORTALS=(127.0.0.1:3260 127.0.0.2:3260)
# What cutting-proxy.mjs has in front of them.
FRAIL=(127.0.1.1:3260 127.0.1.2:3260)
SEED=${SEED:-$RANDOM}
RESTARTS=5
CUTS=20
WORK=$(mktemp -d /dev/shm/scst-user-iscsi.XXXXXX)
MNT=$WORK/mnt
SERVER=
PROXY=
FAILED=()
PASSED=0

skip() { echo "SKIPPED, nothing was proved: $*" >&2; exit 2; }

needs() {
  local tool module
  for tool in node fio mkfs.ext4 e2fsck iscsid iscsiadm multipathd multipath dmsetup udevadm; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
  done
  [[ $(id -u) = 0 ]] || skip "not root"
  [[ -f dist/examples/fileio_tgt/main.js ]] || skip "not built: npm run build"
  for module in iscsi_tcp crc32c_generic sd_mod dm_multipath ext4; do
    modprobe "$module" || skip "the kernel has no $module"
  done
}

# The initiator's programs, where no init system runs them.
start_initiator() {
  [[ -e /run/udev/control ]] || /lib/systemd/systemd-udevd --daemon || return 1
  mkdir -p /run/lock/iscsi /etc/iscsi
  echo "InitiatorName=iqn.2026-01.org.example:guest" >/etc/iscsi/initiatorname.iscsi
  sed -i 's|^iscsid.startup.*|iscsid.startup = /sbin/iscsid|' /etc/iscsi/iscsid.conf
  rm -rf /etc/iscsi/nodes /etc/iscsi/send_targets
  pgrep -x iscsid >/dev/null || iscsid || return 1
  cat >/etc/multipath.conf <<-EOF
	defaults {
	  find_multipaths no
	  polling_interval 1
	  path_grouping_policy multibus
	  no_path_retry queue
	}
	EOF
  pgrep -x multipathd >/dev/null || multipathd
}

secret() { (umask 077 && echo "$2" >"$WORK/$1") }

configure() {
  secret alice "alice-has-a-secret"
  secret disk "the-disk-has-another"
  truncate -s 192M "$WORK/disk.img"
  cat >"$WORK/target.json" <<-EOF
	{
	  "devices": [{ "name": "disk1", "path": "$WORK/disk.img" }],
	  "iscsi": {
	    "portals": [{ "host": "127.0.0.1", "port": 3260 }, { "host": "127.0.0.2", "port": 3260 }],
	    "keepAliveMs": 5000,
	    "chap": {
	      "users": [{ "name": "alice", "secretFile": "$WORK/alice" }],
	      "mutual": { "name": "disk", "secretFile": "$WORK/disk" }
	    },
	    "targets": [{ "iqn": "$IQN", "luns": [{ "lun": 0, "device": "disk1" }] }]
	  }
	}
	EOF
}

# Waits for a line "ready" in a file, from a process that is to live.
ready() {
  for _ in $(seq 600); do
    grep -q '^ready$' "$1" && return 0
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  cat "$1"
  return 1
}

serve() {
  node dist/examples/fileio_tgt/main.js --config "$WORK/target.json" >"$WORK/out" 2>>"$WORK/log" &
  SERVER=$!
  ready "$WORK/out" "$SERVER"
}

# Ends the server with a signal; SIGTERM must give 0.
stop() {
  kill "-$1" "$SERVER"
  wait "$SERVER" 2>/dev/null
  local status=$?
  [[ $1 != TERM || $status = 0 ]] || { echo "SIGTERM: exit status $status"; return 1; }
}

frail_network() {
  node test/guest/cutting-proxy.mjs "$SEED" "${FRAIL[0]}=${PORTALS[0]}" "${FRAIL[1]}=${PORTALS[1]}" \
    >"$WORK/proxy" 2>&1 &
  PROXY=$!
  ready "$WORK/proxy" "$PROXY"
}

# One session at each portal: two paths to the disk.
log_in() {
  local portal
  for portal in "$@"; do
    iscsiadm -m node -T "$IQN" -p "$portal" -o new >/dev/null || return 1
    node_settings "$portal" node.session.auth.authmethod CHAP \
      node.session.auth.username alice node.session.auth.password "$(cat "$WORK/alice")" \
      node.session.auth.username_in disk node.session.auth.password_in "$(cat "$WORK/disk")" \
      'node.conn[0].iscsi.HeaderDigest' CRC32C 'node.conn[0].iscsi.DataDigest' CRC32C \
      'node.conn[0].timeo.noop_out_interval' 2 'node.conn[0].timeo.noop_out_timeout' 3 \
      node.session.timeo.replacement_timeout 5 || return 1
    iscsiadm -m node -T "$IQN" -p "$portal" -l >/dev/null || return 1
  done
}

node_settings() {
  local portal=$1
  shift
  while [[ $# -gt 0 ]]; do
    iscsiadm -m node -T "$IQN" -p "$portal" -o update -n "$1" -v "$2" || return 1
    shift 2
  done
}

# What was asked for is what is used.
expect_digests() {
  local file
  for file in /sys/class/iscsi_connection/*/{header,data}_digest; do
    [[ $(cat "$file") = 1 ]] || { echo "$file is $(cat "$file")"; return 1; }
  done
}

find_disk() {
  for _ in $(seq 300); do
    local name
    name=$(dmsetup ls --target multipath 2>/dev/null | sed -n '1s/\t.*//p')
    DISK=/dev/mapper/$name
    [[ -n $name && -b $DISK ]] && [[ $(multipath -ll | grep -c ' running$') = 2 ]] && return 0
    sleep 0.2
  done
  multipath -ll
  return 1
}

connect() {
  serve && log_in "$@" && expect_digests && find_disk
}

disconnect() {
  multipath -F >/dev/null
  iscsiadm -m node -u >/dev/null 2>&1
  iscsiadm -m node -o delete >/dev/null 2>&1
}

make_filesystem() {
  mkfs.ext4 -q "$DISK" && mkdir -p "$MNT" && mount -o errors=remount-ro "$DISK" "$MNT" &&
    cp -r src "$MNT"
}

# Writes at random places, and looks at each block.
verify() {
  fio --name=v --directory="$MNT" --rw=randwrite --bs=4k --bsrange=4k-64k --iodepth=8 --size=24m \
    --ioengine=libaio --direct=1 --verify=crc32c --do_verify=1 --verify_fatal=1 \
    >"$WORK/fio" 2>&1 || { cat "$WORK/fio"; return 1; }
}

# Until there is a file "enough", and once more.
verify_for_long() {
  local count=0
  rm -f "$WORK/enough"
  until [[ -e $WORK/enough ]]; do
    verify || return 1
    count=$((count + 1))
  done
  verify && echo "        $((count + 1)) times verified"
}

# Nothing reached the file system, and what is in it is what was written.
expect_whole() {
  if dmesg | grep -E "EXT4-fs (error|warning)|Buffer I/O error|error, dev dm-|JBD2.*[Ee]rror|lost .*write"; then
    return 1
  fi
  umount "$MNT" && e2fsck -fn "$DISK" >"$WORK/fsck" 2>&1 || { cat "$WORK/fsck"; return 1; }
  mount "$DISK" "$MNT" && diff -r src "$MNT/src" && umount "$MNT"
}

finish() {
  expect_whole && disconnect && stop TERM && e2fsck -fn "$WORK/disk.img" >/dev/null 2>&1
}

case_login() {
  connect "${PORTALS[@]}" && make_filesystem && verify && finish
}

case_wrong_secret() {
  serve || return 1
  secret alice "somebody-elses-secret"
  log_in "${PORTALS[0]}" 2>"$WORK/refused" && { echo "a wrong secret is taken"; return 1; }
  grep -qi "authorization" "$WORK/refused" || { cat "$WORK/refused"; return 1; }
  secret disk "not-what-the-disk-has" && secret alice "alice-has-a-secret"
  log_in "${PORTALS[1]}" 2>"$WORK/refused" && { echo "a wrong target is taken"; return 1; }
  disconnect
  stop TERM
}

# By turns as an operator ends it, and as the kernel does.
restart_server() {
  local i
  for i in $(seq "$RESTARTS"); do
    sleep 4
    if ((i % 2)); then stop TERM; else stop KILL; fi || return 1
    sleep 2
    serve || return 1
  done
}

case_restart() {
  connect "${PORTALS[@]}" && make_filesystem || return 1
  verify_for_long &
  local load=$!
  restart_server || return 1
  touch "$WORK/enough"
  wait "$load" || return 1
  finish
}

cuts() { grep -c '^cut' "$WORK/proxy"; }

case_cut() {
  frail_network || return 1
  connect "${FRAIL[@]}" && make_filesystem || return 1
  verify_for_long &
  local load=$!
  until (($(cuts) >= CUTS)); do
    kill -0 "$load" 2>/dev/null || return 1
    sleep 1
  done
  touch "$WORK/enough"
  wait "$load" || return 1
  kill -USR1 "$PROXY"
  echo "        cut $(cuts) times, SEED=$SEED"
  finish
  local status=$?
  kill "$PROXY"
  return "$status"
}

ALL=(login wrong_secret restart cut)

needs
trap 'kill -9 $SERVER $PROXY 2>/dev/null; rm -rf "$WORK"' EXIT
start_initiator || skip "iscsid, multipathd or udevd do not start"
[[ $# = 0 ]] && set -- "${ALL[@]}"
dmesg -C
for name in "$@"; do
  rm -f "$WORK/disk.img"
  configure
  if "case_$name"; then
    echo "ok      $name"
    PASSED=$((PASSED + 1))
  else
    echo "FAILED  $name"
    cat "$WORK/log"
    FAILED+=("$name")
    umount -l "$MNT" 2>/dev/null
    disconnect
    kill -9 $SERVER $PROXY 2>/dev/null
  fi
  dmesg -C
done
echo "$PASSED passed, ${#FAILED[@]} failed ${FAILED[*]}"
[[ ${#FAILED[@]} = 0 ]]
