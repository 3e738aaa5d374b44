"""newbie bench ... --on-request as something that takes turns with another program, and what its times come to."""
import json
import statistics
import subprocess
import sys


class Newbie:
    """One run for every call of run(); made and warm when the constructor returns."""

    def __init__(self, program, work, flags, repeats):
        self.command = [program, "bench", work, *flags, "--repeats", str(repeats), "--on-request", "--quiet"]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._line()  # ready

    def _line(self):
        text = self.process.stdout.readline()
        if not text:
            sys.exit(f"{' '.join(self.command)}: stopped with exit code {self.process.wait()}")
        return json.loads(text)

    def run(self):
        """Seconds."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._line()["seconds"]

    def finish(self):
        """The summary that newbie bench prints at its end."""
        self.process.stdin.close()
        return self._line()


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}
