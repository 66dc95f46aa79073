export const USAGE = `Usage: encrypting-disk COMMAND FILE [OPTIONS]

Encrypted disks in the format of LUKS2 (cryptsetup), served by iSCSI, NBD or the kernel's SCST.

  format FILE        make FILE an empty encrypted disk; what it held is lost
  serve FILE         serve it, until SIGINT or SIGTERM
  add-key FILE       have a new passphrase open it as well
  change-key FILE    have a new passphrase open it instead of the old one
  remove-key FILE    have a passphrase no longer open it
  dump FILE          print its header, which holds no secrets
  repair FILE        write both copies of the header from the one that is whole

The passphrase is asked for, unless one of these says where it is:
  --key-file=FILE       all of a file, to its last byte; - for standard input
  --key-env=NAME        an environment variable
  --key-command=LINE    what a shell command prints, without a newline at its end
  --new-key-file, --new-key-env, --new-key-command
                        the same for the new passphrase of add-key and change-key

All commands:
  --header=FILE         the header is in a file of its own
format:
  --size=SIZE           make FILE, for a disk of this size (such as 10G), if it is not there
  --sector-size=BYTES   512, 1024, 2048 or 4096 (4096)
  --label=TEXT          up to 47 characters
  --allow-discards      hosts can give space back; whoever sees FILE sees what is in use
  --force               also where FILE is not empty
format, add-key, change-key:
  --pbkdf=NAME          argon2id or pbkdf2 (argon2id)
  --pbkdf-memory=KIB    of argon2id (1 GiB, or half of the machine's)
  --pbkdf-parallel=N    of argon2id, 1 to 4 (4)
  --pbkdf-force-iterations=N   of either (4 and 2000000)
remove-key:
  --key-slot=N          this key slot, without its passphrase
dump:
  --json                the metadata as it is in the header
serve:
  --iscsi[=HOST:PORT]   by iSCSI (127.0.0.1:3260)
  --nbd[=HOST:PORT]     by NBD (127.0.0.1:10809); also --nbd=unix:PATH
  --kernel              as a device of the kernel's SCST, through /dev/scst_user
  --export=DRIVER[/TARGET[:LUN]]   there, make it a LUN of a target: scst_local, iscsi ...
  --name=NAME           what the disk is called (FILE's name)
  --read-only           refuse writes
  --direct              past the page cache (O_DIRECT)
  --plain               no header: dm-crypt's plain mode; --key-file has the key itself, 64 bytes
  --sector-size=BYTES   with --plain (512)

  -h, --help            print this
`;
