#!/usr/bin/env bash
# Proves the filters with the initiator of the Linux kernel: ext4 on an encrypted disk with snapshots
# (`snapshot-disk --key-file`), over iSCSI. Run as root in a Linux that may be thrown away: it
# overwrites /etc/iscsi.
#
#   test/guest/snapshots.sh       exit status: 0 passed, 1 failed, 2 can't run
#
# The package must be built (npm run build). See README.md here.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 2
IQN=iqn.2026-11.io.scst-user:disk
PORTAL=127.0.0.1:3260
WORK=$(mktemp -d /dev/shm/scst-user-snapshots.XXXXXX)
FILE=$WORK/disk.qcow2
MNT=$WORK/mnt
OLD=$WORK/old
SERVER=
FAILED=()
. test/guest/lib.sh

snapshot_disk() { node dist/examples/snapshot-disk/main.js "$@"; }

serve() {
  # Not by `snapshot_disk`: SIGTERM would end a shell of its own, and not the program.
  node dist/examples/snapshot-disk/main.js serve "$FILE" --key-file "$WORK/key" --iscsi "$PORTAL" \
    >"$WORK/out" 2>"$WORK/log" &
  SERVER=$!
  ready "$WORK/out" "$SERVER"
}

log_in() {
  iscsiadm -m node -o new -T "$IQN" -p "$PORTAL" >/dev/null && iscsiadm -m node -T "$IQN" -l >/dev/null
}

log_out() { iscsiadm -m node -T "$IQN" -u >/dev/null; }

# Sets DISK to what LUN $1 is here.
find_lun() {
  local block
  for _ in $(seq 300); do
    for block in /sys/class/iscsi_session/session*/device/target*/*:"$1"/block/sd*; do
      DISK=/dev/${block##*/}
      [[ -b $DISK ]] && return 0
    done
    sleep 0.1
  done
  echo "LUN $1 has not come"
  return 1
}

# Writes at random places and looks at each block, until there is a file "enough".
load() {
  rm -f "$WORK/enough"
  until [[ -e $WORK/enough ]]; do
    fio --name=load --directory="$MNT" --rw=randwrite --bs=4k --iodepth=8 --ioengine=libaio \
      --direct=1 --size=4m --verify=crc32c --do_verify=1 --verify_fatal=1 \
      >"$WORK/fio" 2>&1 || { cat "$WORK/fio"; return 1; }
  done
}

expect_tree() { diff -r --no-dereference src "$1/src"; }

# Two snapshots while fio writes; between them the tree goes.
snapshots_under_load() {
  mkfs.ext4 -q "$DISK" && mount -o errors=remount-ro "$DISK" "$MNT" && cp -r src "$MNT" && sync || return 1
  load &
  local fio=$!
  sleep 4
  snapshot_disk snap "$FILE" before && rm -r "$MNT/src" && sync && snapshot_disk snap "$FILE" after ||
    return 1
  touch "$WORK/enough"
  wait "$fio" && no_errors_reached_it && umount "$MNT" && e2fsck -fn "$DISK" >/dev/null 2>&1
}

# The first snapshot as a LUN of its own: it can be read, with the tree, and not written.
look_at_snapshot() {
  snapshot_disk export "$FILE" before >/dev/null && iscsiadm -m session --rescan >/dev/null &&
    find_lun 1 || return 1
  [[ $(cat "/sys/block/${DISK##*/}/ro") = 1 ]] || { echo "$DISK can be written"; return 1; }
  # Its journal has not been played back.
  mount -o ro,noload "$DISK" "$OLD" && expect_tree "$OLD" && umount "$OLD" &&
    snapshot_disk unexport "$FILE" before
}

# The disk as it was at the first snapshot. Its file system was in use: fsck plays back its journal.
look_at_reverted() {
  ! snapshot_disk revert "$FILE" before 2>/dev/null || { echo "reverted under a session"; return 1; }
  log_out && snapshot_disk revert "$FILE" before && log_in && find_lun 0 || return 1
  e2fsck -fp "$DISK" >"$WORK/fsck"
  [[ $? -le 1 ]] && e2fsck -fn "$DISK" >/dev/null 2>&1 || { cat "$WORK/fsck"; return 1; }
  mount -o errors=remount-ro "$DISK" "$MNT" && expect_tree "$MNT" && umount "$MNT" && no_errors_reached_it
}

case_snapshots() {
  echo -n "a secret of the disk" >"$WORK/key"
  snapshot_disk create "$FILE" --size 96M --key-file "$WORK/key" && serve && log_in && find_lun 0 &&
    snapshots_under_load && look_at_snapshot && look_at_reverted && log_out && stop TERM || return 1
  ! grep -q "scst-user" "$FILE" || { echo "the file has plain text"; return 1; }
  ! command -v qemu-img >/dev/null || qemu-img check -q "$FILE"
}

before_each() { mkdir -p "$MNT" "$OLD"; }

after_failure() { cat "$WORK/log"; }

needs_tools node fio mkfs.ext4 e2fsck iscsid iscsiadm
needs_modules iscsi_tcp sd_mod ext4
trap 'kill -9 $SERVER 2>/dev/null; umount -l "$MNT" "$OLD" 2>/dev/null; rm -rf "$WORK"' EXIT
start_iscsid || skip "iscsid or udevd do not start"
run_cases snapshots
