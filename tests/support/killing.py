"""A process that dies at a chosen moment, played within the tests' own."""


class Killed(BaseException):
    """Stands for the end of the process: nothing in the library may catch it."""


def die(monkeypatch, owner, name, call, after, how=Killed):
    """Let the process "die" at the given call of a function, before or after its work is done."""
    original, calls = getattr(owner, name), iter(range(1, 1000))

    def wrapped(*arguments, **options):
        now = next(calls) == call
        if now and not after:
            raise how
        result = original(*arguments, **options)
        if now:
            raise how
        return result

    monkeypatch.setattr(owner, name, wrapped)
