"""The one exception that means *the user's input is wrong*."""


class InputError(ValueError):
    """Something the user supplied cannot be used.

    The message says what is wrong, where (file, key, frame, atom), what was expected, what was found, and how to mend
    it. The command line prints it as one line and exits with status 2; Python callers may catch it as a `ValueError`.
    """
