"""The one exception that means "the user can fix this", and how text of any origin is shown."""


class UserError(ValueError):
    """A mistake in the input, described in one line that names what is wrong and how to cure it.

    The command line prints it on stderr and exits with code 2; library callers may catch it.
    """


def plain(text: str, most: int = 4000) -> str:
    """`text` in one line that is displayed literally: a label or a file name may hold anything.

    What does not print (line ends, escape sequences, marks that turn the direction of writing) is spelt as in Python's
    strings; of more than `most` characters the first are shown, and how many follow.
    """
    shown = text if len(text) <= most else f"{text[:most]} ... and {len(text) - most} characters more"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
