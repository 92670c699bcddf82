"""A face-swap autoencoder for two CPU cores: 128 pixels and a mask for less than a tenth of the classic's arithmetic.

Where the arithmetic is saved: the input is folded into channels before the first convolution, the wide dense layer makes
a map of 8x8 pixels so that no convolution with many weights runs on fewer, and the last convolution runs at a quarter of
the output's side and unfolds into 4x4 pixels. On a CPU the arithmetic is then no longer what takes the time; moving pixels
is. Each decoder adds its convolutions to a learned picture that starts as the mean face of its identity, so that
training begins at a face and not at grey.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

from likeness.networks.autoencoder_blocks import (
    SIDES,
    Residual,
    Side,
    SwapNetwork,
    Upscale,
    initialise,
    leaky,
    unfold,
)


class LightAutoencoder(SwapNetwork):
    """See the module.

    Args:
        input_px: side of the input, a multiple of 16.
        output_px: side of the output, 4 times a power of 2.
        encoder: channels of the encoder's convolutions, the first after folding 4x4 pixels.
        code: units of the narrow dense layer.
        start_px: side of the map that the wide dense layer makes.
        shared: channels of that map and of the upscalings that both identities share.
        decoder: channels of the upscalings of one identity.
        unfold: side of the block of pixels that the last convolution writes at once.
        residual: whether a residual block stands in each decoder, at its coarsest size.
        seed: of the initialisation.
    """

    has_mask = True

    def __init__(
        self,
        input_px: int = 64,
        output_px: int = 128,
        encoder: tuple[int, ...] = (64, 128, 256),
        code: int = 256,
        start_px: int = 8,
        shared: tuple[int, ...] = (64,),
        decoder: tuple[int, ...] = (96, 64),
        unfold: int = 4,
        residual: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        drawn_px = start_px * 2 ** (len(shared) - 1 + len(decoder)) * unfold
        if drawn_px != output_px:
            raise ValueError(
                f"output_px: these upscalings draw {drawn_px} px, asked for {output_px}"
            )
        if input_px % (4 << (len(encoder) - 1)):
            raise ValueError(
                f"input_px: expected a multiple of {4 << (len(encoder) - 1)}, got {input_px}"
            )
        self.input_px, self.output_px, self.unfold = input_px, output_px, unfold
        self.start = (shared[0], start_px, start_px)
        self.convs = nn.ModuleList([nn.Conv2d(48, encoder[0], 3, padding=1)])
        for a, b in itertools.pairwise(encoder):
            self.convs.append(nn.Conv2d(a, b, 3, stride=2, padding=1))
        side = input_px // 4 >> (len(encoder) - 1)
        self.narrow = nn.Linear(encoder[-1] * side * side, code)
        self.wide = nn.Linear(code, start_px**2 * shared[0])
        self.shared = nn.Sequential(*(Upscale(a, b) for a, b in itertools.pairwise(shared)))
        self.decoders = nn.ModuleDict(
            {s: _decoder(shared[-1], decoder, unfold, residual) for s in SIDES}
        )
        self.faces = nn.ParameterDict(
            {s: nn.Parameter(torch.zeros(4, output_px, output_px)) for s in SIDES}
        )
        initialise(self, seed)
        for drawer in self.decoders.values():
            assert isinstance(drawer, nn.Sequential) and isinstance(drawer[-1], nn.Conv2d)
            nn.init.zeros_(drawer[-1].weight)  # begin at the learned picture alone

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """See `SwapNetwork`."""
        x = functional.pixel_unshuffle(images, 4)
        found = []
        for conv in self.convs:
            x = leaky(conv(x))
            found.append(x)
        return found

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, input_px, input_px) -> (N, C, H, W) after the shared upscalings."""
        flat = self.stages(images)[-1].flatten(1)
        wide = self.wide(self.narrow(flat)).view(-1, *self.start)
        shared: torch.Tensor = self.shared(wide)
        return shared

    def decode(self, code: torch.Tensor, side: Side) -> torch.Tensor:
        """-> (N, 4, output_px, output_px): RGB and mask."""
        change = unfold(self.decoders[side](code), self.unfold)
        return torch.sigmoid(change + self.faces[side])

    def start_from(self, side: Side, mean: torch.Tensor) -> None:
        """See `SwapNetwork`."""
        with torch.no_grad():
            self.faces[side].copy_(torch.logit(mean.clamp(0.02, 0.98)))


def _decoder(inputs: int, widths: tuple[int, ...], unfold: int, residual: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in zip((inputs, *widths), widths, strict=False):
        layers.append(Upscale(a, b))
        if residual and len(layers) == 1:
            layers.append(Residual(b))
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 4 * unfold**2, 3, padding=1))
