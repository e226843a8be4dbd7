"""`python -m crnn_lib`, and the command `crnn` of an installed library."""

import sys


def main() -> int:
    """Run the command that `sys.argv` asks for; the exit code."""
    if sys.argv[1:] == ["doctor"]:  # answers even where torch, which everything else imports, is missing
        from crnn_lib.tools.doctor import run

        return run()
    try:
        from crnn_lib.tools import cli  # seconds, in which Ctrl-C may come
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    if sys.stdout:  # else it is closed, which cli.main reports
        sys.stdout.reconfigure(errors="backslashreplace")  # the terminal's encoding may lack a file name's characters
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
