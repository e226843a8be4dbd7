"""`python -m crnn_lib`."""

import sys

from crnn_lib.cli import main

sys.exit(main())
