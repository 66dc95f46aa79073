export const USAGE = `Usage: snapshot-disk COMMAND FILE [OPTIONS]

A disk with snapshots, in a qcow2 file.

  create FILE --size SIZE [--cluster SIZE]   makes the file: bytes, or with K, M, G or T
  serve FILE [--iscsi HOST:PORT] [--nbd HOST:PORT | --nbd unix:PATH]
                                             serves the disk until SIGINT or SIGTERM
  serve FILE --kernel [--export DRIVER[/TARGET[:LUN]]]
                                             as a device of the kernel's SCST, and a LUN there:
                                             scst_local, iscsi ...
  --key-file KEY, with create and serve      the disk is encrypted (LUKS2) inside the file; the
                                             passphrase is all that KEY has

While it is served, or when it is not:

  snap FILE NAME                             keeps the disk as it is now
  list FILE                                  the snapshots
  delete FILE NAME                           forgets one, and frees what only it had
  revert FILE NAME [--force]                 makes the disk what it was then
  clone FILE NEW [--snapshot NAME]           copies the disk, or a snapshot, to a new file

While it is served:

  export FILE NAME                           a snapshot as a LUN of its own, to be read
  unexport FILE NAME                         takes it away

  --help, --version
`;
