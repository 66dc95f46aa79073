#!/usr/bin/env bash
# Proves the examples on the real modules of SCST: run as root in a Linux that may be thrown away.
#
#   test/guest/run.sh MODULES [CASE...]     exit status: 0 all passed, 1 some failed, 2 can't run
#
# MODULES is a folder with scst.ko, scst_user.ko and scst_local.ko for the running kernel (not
# needed where they are loaded); the package must be built (npm run build). See README.md here.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 2
WORK=$(mktemp -d /dev/shm/scst-user-guest.XXXXXX)
LOG=$WORK/log
PID=
FAILED=()
PASSED=0
. test/guest/scst.sh

needs() {
  local tool
  for tool in node fio sg_inq sg_vpd sg_readcap sg_modes sg_persist sg_reset sg_compare_and_write \
    mkfs.ext4 e2fsck mtx mt; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
  done
  [[ $(id -u) = 0 ]] || skip "not root"
  [[ -f dist/examples/fileio_tgt/main.js ]] || skip "not built: npm run build"
}

# Serves disks with the arguments.
serve() { start fileio_tgt "$@" && find_disks; }

# Runs one of the programs.
program() {
  local name=$1
  shift
  node "dist/examples/$name/main.js" "$@"
}

# Starts a program that serves.
start() {
  local name=$1
  shift
  run_until_ready "dist/examples/$name/main.js" "$@"
}

# A tape drive, and the changer: their types are 1 and 8 (SPC-5, "PERIPHERAL DEVICE TYPE").
find_library() {
  scan_hosts
  local device
  for _ in $(seq 50); do
    for device in $(of_type 8); do CHANGER=/dev/$(basename "$device"/scsi_generic/sg*); done
    for device in $(of_type 1); do TAPE=/dev/$(basename "$device"/scsi_tape/nst[0-9]); done
    [[ -c ${CHANGER:-} && -c ${TAPE:-} ]] && return 0
    pause 0.1
  done
  return 1
}

# Ends the program with SIGTERM: it must give 0 and leave no device behind.
stop() {
  forget_disks
  kill -TERM "$PID" && wait "$PID"
  local status=$?
  [[ $status = 0 ]] || { echo "SIGTERM: exit status $status"; cat "$LOG"; return 1; }
  no_devices
}

file() { truncate -s "${2:-64M}" "$WORK/$1"; echo "$WORK/$1"; }

verify() {
  fio --name=v --filename="$DISK" --rw=randwrite --bs="${1:-4k}" --iodepth=8 --ioengine=libaio \
    --direct=1 --verify=crc32c --do_verify=1 --verify_fatal=1 --size=8m --io_size=2m \
    >"$WORK/fio" 2>&1 || { cat "$WORK/fio"; return 1; }
}

case_commands() {
  serve --export scst_local disk1 "$(file a)" || return 1
  sg_inq "$DISK" | grep -q "SCST" && sg_vpd -p di "$DISK" >/dev/null && sg_vpd -p bl "$DISK" >/dev/null &&
    sg_readcap --16 "$DISK" | grep -q "Last LBA=131071" && sg_modes -a "$DISK" >/dev/null || return 1
  sg_persist --out --register --param-sark=abc "$DISK" >/dev/null &&
    sg_persist --out --reserve --param-rk=abc --prout-type=1 "$DISK" >/dev/null &&
    sg_persist --in --read-reservation "$DISK" | grep -q "Key=0xabc" &&
    sg_persist --out --release --param-rk=abc --prout-type=1 "$DISK" >/dev/null &&
    sg_persist --out --register --param-rk=abc --param-sark=0 "$DISK" >/dev/null || return 1
  sg_reset --device "$DISK" || return 1
  stop
}

case_filesystem() {
  serve --export scst_local disk1 "$(file a 128M)" || return 1
  mkfs.ext4 -q "$DISK" && mkdir -p "$WORK/mnt" && mount "$DISK" "$WORK/mnt" || return 1
  cp -r src "$WORK/mnt" && sync && umount "$WORK/mnt" && mount "$DISK" "$WORK/mnt" || return 1
  diff -r src "$WORK/mnt/src" || return 1
  umount "$WORK/mnt" && e2fsck -fn "$DISK" >/dev/null || return 1
  stop
}

case_verify() {
  serve --export scst_local disk1 "$(file a)" || return 1
  verify && stop
}

case_threads() {
  serve --export scst_local -e 4 disk1 "$(file a)" || return 1
  verify && stop
}

case_blocking() {
  local threads
  for threads in 1 4; do
    serve --export scst_local --blocking -e "$threads" disk1 "$(file a)" || return 1
    verify && stop || { echo "with -e $threads"; return 1; }
  done
}

case_two_devices() {
  start fileio_tgt --export scst_local disk1 "$(file a)" disk2 "$(file b 32M)" || return 1
  find_disks 2 || return 1
  [[ ${#DISKS[@]} = 2 ]] || { echo "disks: ${DISKS[*]}"; return 1; }
  verify && DISK=${DISKS[1]} && verify && stop
}

# What SCST splits by the lengths of the parse into a read and a write.
compare_and_write() {
  dd if="$DISK" bs=512 count=1 iflag=direct of="$WORK/compare" status=none &&
    head -c 512 /dev/urandom >"$WORK/write" && cat "$WORK/compare" "$WORK/write" >"$WORK/both" &&
    sg_compare_and_write --in="$WORK/both" --lba=0 --num=1 --xferlen=1024 "$DISK" &&
    dd if="$DISK" bs=512 count=1 iflag=direct status=none | cmp - "$WORK/write"
}

# Every value of each, and the pairs that go different ways.
case_options() {
  local way
  for way in "std all ignore" "call all call" "excpt read call" "std write call" "call none call" \
    "excpt all ignore" "std none call"; do
    echo "        $way"
    # shellcheck disable=SC2086
    set -- $way
    serve --export scst_local -p "$1" -m "$2" -f "$3" disk1 "$(file a 16M)" && verify 16k &&
      compare_and_write && stop || { echo "with -p $1 -m $2 -f $3"; return 1; }
  done
}

case_old_options() {
  serve --export scst_local -l -M 1 -u -R 16 -Z 64 -P 10 -D disk1 "$(file a)" || return 1
  verify && stop
}

case_capacity() {
  local path
  path=$(file a 64M)
  serve --export scst_local disk1 "$path" || return 1
  [[ $(blockdev --getsize64 "$DISK") = 67108864 ]] || return 1
  truncate -s 96M "$path"
  kill -USR1 "$PID"
  for _ in $(seq 100); do
    sg_turs "$DISK" >/dev/null 2>&1
    echo 1 >"/sys/block/${DISK##*/}/device/rescan"
    [[ $(blockdev --getsize64 "$DISK") = 100663296 ]] && { stop; return; }
    pause 0.1
  done
  echo "still $(blockdev --getsize64 "$DISK") bytes"
  return 1
}

case_flush_under_load() {
  serve --export scst_local -F 1 disk1 "$(file a)" || return 1
  verify && verify && ! grep -q EBUSY "$LOG" && stop
}

case_tape() {
  local library=$WORK/library
  rm -rf "$library"
  node dist/examples/vtl/main.js create "$library" --library autoloader --capacity 64M \
    --barcodes VTL001L8..VTL002L8 || return 1
  start vtl serve "$library" --export scst_local && find_library || return 1
  mtx -f "$CHANGER" load 2 0 && mt -f "$TAPE" rewind || return 1
  tar -b 128 -cf "$TAPE" src && mt -f "$TAPE" rewind && tar -b 128 -df "$TAPE" || return 1
  # Fixed blocks: SCST's own parse would refuse them.
  mt -f "$TAPE" rewind && mt -f "$TAPE" setblk 10240 && tar -cf "$TAPE" src &&
    mt -f "$TAPE" rewind && tar -df "$TAPE" || return 1
  mt -f "$TAPE" offline && mtx -f "$CHANGER" unload 2 0 || return 1
  stop
}

case_again() {
  node test/guest/register-again.mjs && no_devices || return 1
  # scst_local looks for LUNs whenever they change: some were gone before it had their capacity.
  # Another look waits until it is done with that.
  scan_hosts
  forget_disks
}

case_kill() {
  serve --export scst_local disk1 "$(file a)" || return 1
  load
  pause 1
  kill -9 "$PID"
  wait "$LOAD" "$PID" 2>/dev/null
  forget_disks
  no_devices || return 1
  # The kernel is as good as before.
  case_verify
}

load() {
  fio --name=r --filename="$DISK" --rw=randread --bs=4k --iodepth=8 --ioengine=libaio --direct=1 \
    --time_based --runtime=3 >/dev/null 2>&1 &
  LOAD=$!
}

case_stop_under_load() {
  serve --export scst_local "$@" disk1 "$(file a)" || return 1
  load
  pause 1
  kill -TERM "$PID" && wait "$PID" || { echo "SIGTERM: exit status $?"; cat "$LOG"; return 1; }
  wait "$LOAD"
  forget_disks
  no_devices
}

case_stop_threads_under_load() { case_stop_under_load -e 4; }
case_stop_blocking_under_load() { case_stop_under_load --blocking -e 4; }

ends() {
  for _ in $(seq 600); do
    kill -0 "$PID" 2>/dev/null || return 0
    pause 0.1
  done
  return 1
}

# However a program ends in the midst of commands, it does end, and the device with it.
case_ends() {
  local mode way expected status
  for mode in main threads blocking; do
    for way in "exit 7" "throw 1" "close 9"; do
      read -r way expected <<<"$way"
      echo "        $mode, $way"
      run_until_ready test/guest/ends.mjs "$mode" "$way" && find_disks || return 1
      load
      ends || { echo "$mode, $way: it hangs"; cat "$LOG" "/proc/$PID/task/"*/stack; return 1; }
      wait "$PID"
      status=$?
      wait "$LOAD"
      forget_disks
      [[ $status = "$expected" ]] && no_devices ||
        { echo "$mode, $way: exit status $status"; cat "$LOG"; return 1; }
    done
  done
}

on_filesystem() {
  mkdir -p "$WORK/mnt" && mount "$@" "$DISK" "$WORK/mnt"
}

case_encrypting() {
  local path="$WORK/a" key="$WORK/key"
  echo -n secret >"$key"
  program encrypting-disk format "$path" --size 64M --key-file "$key" --pbkdf pbkdf2 \
    --pbkdf-force-iterations 1000 || return 1
  start encrypting-disk serve "$path" --key-file "$key" --export scst_local && find_disks || return 1
  verify && mkfs.ext4 -q "$DISK" && on_filesystem && cp -r src "$WORK/mnt" && umount "$WORK/mnt" || return 1
  stop || return 1
  ! grep -q "scst-user" "$path" || { echo "the file has plain text"; return 1; }
  start encrypting-disk serve "$path" --key-file "$key" --export scst_local && find_disks || return 1
  on_filesystem && diff -r src "$WORK/mnt/src" && umount "$WORK/mnt" && e2fsck -fn "$DISK" >/dev/null || return 1
  stop
}

case_snapshots() {
  local path="$WORK/a"
  program snapshot-disk create "$path" --size 64M || return 1
  start snapshot-disk serve "$path" --export scst_local && find_disks || return 1
  mkfs.ext4 -q "$DISK" && on_filesystem && cp -r src "$WORK/mnt" && sync || return 1
  program snapshot-disk snap "$path" one && rm -r "$WORK/mnt/src/core" && umount "$WORK/mnt" || return 1
  program snapshot-disk export "$path" one || return 1
  find_disks
  [[ ${#DISKS[@]} = 2 ]] || { echo "disks: ${DISKS[*]}"; return 1; }
  local disk=$DISK
  DISK=${DISKS[1]}
  # Its journal has not been played back, and it may not be written to.
  on_filesystem -o ro,noload && diff -r src "$WORK/mnt/src" && umount "$WORK/mnt" || return 1
  DISK=$disk
  forget_disks
  program snapshot-disk unexport "$path" one && program snapshot-disk revert "$path" one --force || return 1
  find_disks && e2fsck -fp "$DISK" >/dev/null
  [[ $? -le 1 ]] && on_filesystem && diff -r src "$WORK/mnt/src" && umount "$WORK/mnt" || return 1
  stop
}

# A case that stands still tells where, and ends: what its program has left undone fails.
watch() {
  {
    sleep "${CASE_SECONDS_MAX:-900}" >/dev/null 2>&1
    echo "$1 stands still"
    tail -n +1 "$LOG" /sys/kernel/scst_tgt/devices/*/commands /sys/block/sd*/inflight
    head -n 4 /proc/"$(<"$WORK/pid")"/task/*/{comm,stack}
    dmesg | tail -n 20
    kill -9 "$(<"$WORK/pid")"
  } 2>/dev/null &
  WATCH=$!
}

ALL=(commands filesystem verify threads blocking two_devices options old_options capacity
  flush_under_load again kill stop_under_load stop_threads_under_load stop_blocking_under_load ends
  encrypting snapshots tape)

needs
load_modules "${1:-}"
trap '[[ -n $PID ]] && kill -9 "$PID" 2>/dev/null; rm -rf "$WORK"' EXIT
shift
[[ $# = 0 ]] && set -- "${ALL[@]}"
dmesg -C
for name in "$@"; do
  rm -f "$WORK"/[ab]*
  watch "$name"
  if "case_$name"; then
    echo "ok      $name"
    PASSED=$((PASSED + 1))
  else
    echo "FAILED  $name"
    FAILED+=("$name")
    kill -9 "$PID" 2>/dev/null
    forget_disks
    no_devices
  fi
  kill "$WATCH" 2>/dev/null
done
dmesg | grep -E "Oops|BUG:|WARNING:|soft lockup" && FAILED+=("the kernel's log")
echo "$PASSED passed, ${#FAILED[@]} failed ${FAILED[*]}"
[[ ${#FAILED[@]} = 0 ]]
