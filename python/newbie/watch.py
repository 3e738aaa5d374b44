"""What a running job tells: derive from Watcher and give it to Job.run()."""

from ._call import Latent, Preview, Step, Watcher

__all__ = ["Latent", "Preview", "Step", "Watcher"]
