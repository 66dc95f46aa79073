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
SECRET=alice-has-a-secret
TARGET_SECRET=the-disk-has-another
SEED=${SEED:-$RANDOM}
RESTARTS=5
CUTS=20
WORK=$(mktemp -d /dev/shm/scst-user-iscsi.XXXXXX)
MNT=$WORK/mnt
SERVER=
PROXY=
FAILED=()
. test/guest/lib.sh

# The initiator's programs, where no init system runs them.
start_initiator() {
  start_iscsid || return 1
  initiator_settings "$SECRET" "$TARGET_SECRET"
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

# How it logs in to targets that are new to it, with these secrets: its own, and the target's.
initiator_settings() {
  cat >/etc/iscsi/iscsid.conf <<-EOF
	iscsid.startup = /sbin/iscsid
	node.session.auth.authmethod = CHAP
	node.session.auth.username = alice
	node.session.auth.password = $1
	node.session.auth.username_in = disk
	node.session.auth.password_in = $2
	node.conn[0].iscsi.HeaderDigest = CRC32C
	node.conn[0].iscsi.DataDigest = CRC32C
	node.conn[0].timeo.noop_out_interval = 2
	node.conn[0].timeo.noop_out_timeout = 3
	node.session.timeo.replacement_timeout = 5
	EOF
}

secret() { (umask 077 && echo "$2" >"$WORK/$1") }

configure() {
  secret alice "$SECRET"
  secret disk "$TARGET_SECRET"
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

serve() {
  node dist/examples/fileio_tgt/main.js --config "$WORK/target.json" >"$WORK/out" 2>>"$WORK/log" &
  SERVER=$!
  ready "$WORK/out" "$SERVER"
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
    iscsiadm -m node -T "$IQN" -p "$portal" -l >/dev/null || return 1
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
  fio --name=v --directory="$MNT" --rw=randwrite --bs=4k --bsrange=4k-64k --iodepth=8 --size=16m \
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
  no_errors_reached_it || return 1
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
  initiator_settings somebody-elses-secret "$TARGET_SECRET"
  log_in "${PORTALS[0]}" 2>"$WORK/refused" && { echo "a wrong secret is taken"; return 1; }
  grep -qi "authorization" "$WORK/refused" || { cat "$WORK/refused"; return 1; }
  initiator_settings "$SECRET" not-what-the-disk-has
  log_in "${PORTALS[1]}" 2>"$WORK/refused" && { echo "a wrong target is taken"; return 1; }
  initiator_settings "$SECRET" "$TARGET_SECRET"
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
  kill -USR1 "$PROXY"
  touch "$WORK/enough"
  wait "$load" || return 1
  echo "        cut $(cuts) times, SEED=$SEED"
  finish
  local status=$?
  kill "$PROXY"
  return "$status"
}

before_each() {
  rm -f "$WORK/disk.img"
  configure
}

after_failure() {
  cat "$WORK/log"
  umount -l "$MNT" 2>/dev/null
  disconnect
  kill -9 $SERVER $PROXY 2>/dev/null
}

ALL=(login wrong_secret restart cut)

needs_tools node fio mkfs.ext4 e2fsck iscsid iscsiadm multipathd multipath dmsetup udevadm
needs_modules iscsi_tcp crc32c_generic sd_mod dm_multipath ext4
trap 'kill -9 $SERVER $PROXY 2>/dev/null; rm -rf "$WORK"' EXIT
start_initiator || skip "iscsid, multipathd or udevd do not start"
[[ $# = 0 ]] && set -- "${ALL[@]}"
run_cases "$@"
