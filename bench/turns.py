"""Programs that do their work once for every line they are sent, so that two can take turns, and what their times come
to."""
import json
import os
import statistics
import subprocess
import sys


class OnRequest:
    """One run for every call of run(); ready and warm when the constructor returns. The program says one JSON object a
    line: that it is ready, {"seconds": ...} for every empty line it is sent, and a last one when its input ends."""

    def __init__(self, command):
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._line()  # ready

    def _line(self):
        text = self.process.stdout.readline()
        if not text:
            sys.exit(f"{' '.join(self.command)}: stopped with exit code {self.process.wait()}")
        return json.loads(text)

    def cpu_seconds(self):
        """Of all its threads until now (Linux)."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def run(self):
        """Seconds."""
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            sys.exit(f"{' '.join(self.command)}: ended before its turn; has it been told as many --repeats?")
        return self._line()["seconds"]

    def finish(self):
        """The summary that the program prints at its end."""
        self.process.stdin.close()
        return self._line()


class Newbie(OnRequest):
    def __init__(self, program, work, flags, repeats):
        super().__init__([program, "bench", work, *flags, "--repeats", str(repeats), "--on-request", "--quiet"])


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}
