export const USAGE = `Usage: fileio_tgt [OPTIONS] NAME PATH [NAME PATH]...
       fileio_tgt [OPTIONS] --config=FILE

Serves files and block devices as SCSI disks: the first is LUN 0, the next LUN 1, and so on.

How the files are used:
  -b, --block=SIZE         block size in bytes, a power of two from 512 to 65536 (512)
      --size=SIZE          make the file, this long (such as 10G), if it is not there
  -o, --direct             past the page cache (O_DIRECT)
      --io=HOW             who waits for the disk: auto, io_uring or thread-pool (auto)
  -t, --write_through      every write is on the disk before it is answered
  -r, --read_only          refuse writes
  -n, --nullio             no I/O at all: writes vanish, reads give zeros
  -c, --nv_cache           the machine's memory survives a loss of power: flushes are not needed
      --thin_provisioned   hosts can give space back (UNMAP)

What hosts are told of the disk:
      --rotational=0|1     whether it rotates (as the device under the file does)
      --removable          the medium can be removed
      --lb_per_pb_exp=0|1  whether its physical blocks are larger than the logical ones (1)
      --opt_trans_len=SIZE the best size of a transfer, in bytes (512K)
      --usn=TEXT           unit serial number
      --t10_dev_id=TEXT    T10 device identifier, behind the vendor
      --naa_id=HEX         NAA identifier, 16 or 32 digits
      --eui64_id=HEX       EUI-64 identifier, 16, 24 or 32 digits
      --t10_vend_id=TEXT   vendor, up to 8 characters
      --prod_id=TEXT       product, up to 16 characters
      --prod_rev_lvl=TEXT  revision, up to 4 characters
  -I, --vdisk_id=ID        tells disks of one name on several machines apart (0)

How the program runs:
  -p, --parse=HOW          who parses CDBs: std, call or excpt (std)
  -f, --on_free=HOW        hear of the end of commands: ignore or call (ignore)
  -m, --mem_reuse=WHICH    buffers that are kept: all, read, write or none (all)
  -F, --flush=SECONDS      free the buffers that are kept every so often (0: when not used)
      --resize_poll=SECONDS look every so often how large the files are (0: on SIGUSR1 only)
      --state_dir=FOLDER   keep there what hosts have saved: reservations (APTPL), mode pages
      --config=FILE        devices and options from a file in JSON
      --kernel             serve the kernel's SCST by /dev/scst_user, as without --iscsi and --nbd
      --export=DRIVER[/TARGET[:LUN]]  there, make each disk a LUN of a target: scst_local, iscsi ...
  -e, --threads=COUNT      there, so many threads a disk (1)
      --blocking           there, threads of their own wait for commands in the kernel
      --awake=MICROSECONDS there, how long to ask for the next command without sleeping, where
                           that pays (200; with several threads 0)
  -R, --prealloc_buffers=COUNT   there, keep so many buffers ready,
  -Z, --prealloc_buffer_size=KB  each of this size
  -S, --sgv_single_cache=PAGES   -P, --sgv_purge_interval=SECONDS
  -D, --sgv_disable_clustered_pool   -u, --unreg_before_close
                           there, as with SCST's program
      --iscsi[=HOST:PORT]  serve by iSCSI, without a kernel module (127.0.0.1:3260)
      --chap=USER:FILE     initiators log in as USER with the secret in FILE; may be repeated
      --mutual-chap=USER:FILE     the target proves that it is USER to those that ask
      --discovery-chap=USER:FILE  the same for discovery; may be repeated
      --nbd[=HOST:PORT]    serve by NBD, each disk an export of its name (127.0.0.1:10809, or the
                           sockets that systemd passes); also --nbd=unix:PATH
      --tls=MODE           NBD with TLS: off, allowed or required (off)
      --tls_certificates=FOLDER  with ca-cert.pem, server-cert.pem and server-key.pem
      --tls_verify_peer    clients need a certificate that ca-cert.pem's key has signed
      --tls_psk=FILE       pre-shared keys, a line each: NAME:KEY, the key in hexadecimal
      --metrics=[HOST:]PORT
                           metrics for Prometheus at http://HOST:PORT/metrics (on 127.0.0.1)
  -v, --version            print the version
  -h, --help               print this

For command lines written for SCST's own fileio_tgt these are accepted, without effect:
  -l, --non_blocking   -M, --multi_cmd=0|1   -s, --sgv_shared   -d, --debug=LEVEL
and, with --iscsi or --nbd, those that are about the kernel's SCST.
`;
