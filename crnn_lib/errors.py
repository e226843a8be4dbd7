"""The one exception that means "the user can mend this"."""


class UserError(ValueError):
    """A mistake in the input, told in one line that names what is wrong and how to cure it.

    The command line prints it on stderr and exits with code 2; library callers may catch it.
    """
