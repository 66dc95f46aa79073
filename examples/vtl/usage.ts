export const USAGE = `Usage: vtl create FOLDER [OPTIONS]
       vtl serve FOLDER [--iscsi=HOST:PORT] [--chap=USER:FILE]...
       vtl serve FOLDER --kernel [--export=DRIVER[/TARGET[:LUN]]]
       vtl COMMAND FOLDER ...

A tape library in a folder, served by iSCSI or to the kernel's SCST: the changer is LUN 0, its
drives LUN 1 and on.

create: makes a library
      --library=MODEL      autoloader, 3573-tl or large (3573-tl)
      --drives=COUNT       0 to 255
      --slots=COUNT        1 to 61440
      --mail-slots=COUNT   import/export elements, 0 to 240
      --personality=DRIVE  lto5 to lto9 (or lto-5 and so on), or generic
      --barcodes=LIST      cartridges in the first slots: VTL001L8..VTL020L8, or A,B,C
      --name=NAME          the library's name (the folder's)
      --iqn=NAME           the target's name (iqn.2026-11.io.scst-user:NAME)
      --vendor=TEXT --product=TEXT --revision=TEXT --serial=TEXT --naa=HEX
                           what hosts are told of the changer; library.json has the drives'

New cartridges, of create and add-cartridge:
      --capacity=SIZE      such as 10G (what the format holds)
      --density=DRIVE      cartridges of this generation (of the drives')
      --kind=KIND          data, worm or cleaning (barcodes that begin with CLN: cleaning)

serve: until SIGINT or SIGTERM
      --iscsi=HOST:PORT    where to listen (127.0.0.1:3260)
      --chap=USER:FILE     initiators log in as USER with the secret in FILE; may be repeated
      --mutual-chap=USER:FILE  the target proves that it is USER to those that ask
      --kernel             serve the kernel's SCST by /dev/scst_user instead
      --export=DRIVER[/TARGET[:LUN]]  there, make the changer and the drives LUNs of a target:
                           scst_local, iscsi ...

What an operator does, to a library that is served or rests. A PLACE is slot:N, mail:N or
drive:N, counted from 1; the shelf is outside of the library:
  list [--all] [--json]              what is where (--all: empty slots too)
  add-cartridge BARCODES             make cartridges, put them into free slots
  import BARCODE [mail:N]            from the shelf into a mail slot
  export BARCODE|mail:N              from a mail slot onto the shelf
  move BARCODE|PLACE PLACE           as the robot does
  load BARCODE|PLACE [drive:N]       into a drive (the first that is empty)
  unload BARCODE|drive:N [PLACE]     out of a drive (to where it was)
  protect BARCODE, unprotect BARCODE the tab that makes a cartridge read-only
  verify BARCODE                     read all of it
  erase BARCODE                      make it blank
  dump BARCODE FILE                  write it to an image in SIMH's format (.tap)
  restore BARCODE FILE               write such an image to a blank cartridge
The last four: while the library is served, cartridges on the shelf only.

  -v, --version            print the version
  -h, --help               print this
`;
