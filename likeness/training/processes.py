"""One run on several devices: every process takes its own batches, and the gradients are averaged before the step.

The classic synchronous data parallelism (Li et al. 2020, PyTorch Distributed), with torch's own collectives. The loop
needs three of them and no wrapper around the model, so that checkpoints are those of a single process and a run may be
resumed with another number of devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Processes:
    """This process among those of a run; one alone does nothing.

    Attributes:
        rank: number of this process; the first one measures, shows and writes.
        count: how many there are; `torch.distributed` is set up if there is more than one.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one measures, shows and writes."""
        return self.rank == 0

    def average_gradients(self, model: torch.nn.Module) -> None:
        """Give every process the mean gradient; a parameter without one counts as zero."""
        if self.count == 1:
            return
        import torch

        for parameter in model.parameters():
            if not parameter.requires_grad:
                continue
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            torch.distributed.all_reduce(parameter.grad)
            parameter.grad /= self.count

    def mean(self, value: float, like: torch.Tensor) -> float:
        """Mean of a number over the processes; `like` says on which device to exchange it."""
        if self.count == 1:
            return value
        import torch

        told = torch.tensor([value], dtype=torch.float64, device=like.device)
        torch.distributed.all_reduce(told)
        return float(told) / self.count

    def told_by_first(self, value: bool, like: torch.Tensor) -> bool:
        """What the first process says: all stop at the same step."""
        if self.count == 1:
            return value
        import torch

        told = torch.tensor([int(value)], device=like.device)
        torch.distributed.broadcast(told, 0)
        return bool(told)

    def wait(self) -> None:
        """Until all are here: nobody reads a checkpoint that is being written."""
        if self.count > 1:
            import torch

            torch.distributed.barrier()


ALONE = Processes()


def joined(rank: int, count: int, device: str) -> Processes:
    """Meet the other processes of a run that `torchrun` started.

    Args:
        rank: number of this process.
        count: how many there are.
        device: of torch; CUDA devices exchange through NCCL, everything else through Gloo.
    """
    import torch

    if count > 1 and not torch.distributed.is_initialized():
        backend = "nccl" if device.startswith("cuda") else "gloo"
        torch.distributed.init_process_group(backend, rank=rank, world_size=count)
    return Processes(rank, count)
