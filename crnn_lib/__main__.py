"""`python -m crnn_lib`."""

import sys

if sys.argv[1:] == ["doctor"]:  # answers even where torch, which everything else imports, is missing
    from crnn_lib.doctor import run

    sys.exit(run())

from crnn_lib.cli import main

sys.exit(main())
