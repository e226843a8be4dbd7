"""`python -m crnn_lib`."""

import sys

if sys.argv[1:] == ["doctor"]:  # answers even where torch, which everything else imports, is missing
    from crnn_lib.doctor import run

    sys.exit(run())

from crnn_lib.cli import main

if sys.stdout:  # else it is closed, which main tells
    sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal's encoding lacks is no reason to stop
sys.exit(main())
