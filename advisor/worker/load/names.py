"""What parameters of networks are usually called, and a value under which the usual network runs."""

from __future__ import annotations

import re
from typing import Any

_COUNTED = "classes|class|labels|cls|categories|category"
_TABLE: tuple[tuple[str, Any], ...] = (
    (rf"(num|n|nb)_?(of_)?({_COUNTED})|n?classes(_num)?|nclass|class_num|num_outputs|out_classes|label_nums?", 10),
    (r"(\w+_)?vocab(_size)?|(n|num)_(vocab|tokens|embeddings|words)|ntokens?", 1000),
    (r"\w*pad(ding)?_?(idx|index|id)", 0),
    (r"spatial_dims?|ndims?|spatial_rank|conv_dims?|dimensions?", 2),
    (r"categories|cardinalities|cat_dims|category_sizes|emb(ed)?_szs", [8, 4, 6]),
    (r"(in|input|img|image)_?shape", (3, 64, 64)),
    (r"h|horizon|(pred|prediction|forecast|label)_?(len|length)|out(put)?_?(len|length)", 8),
    (r"(num|n)_?(nodes|joints|keypoints|points|queries|landmarks|series|vars)", 16),
    (r"input_resolution", (56, 56)),
    (r"(img|image|input|in|crop)_?(size|resolution|res)|resolution|imsize|(image_)?(height|width)", 224),
    (r"patch_?(size|height|width)", 16),
    (r"win(dow)?_?size", 7),
    (r"(num|n)_patches", 196),
    (r"(max_?)?(seq|sequence|context|text|source|target|input|position)_?(len|length)|block_size|max_len(gth)?", 64),
    (r"n_?positions?|n_ctx|max_position\w*|(num_)?frames|seqlen", 64),
    (r"upscale(_factor)?|scale(_factor)?|upsampling|sr_scale|r?scale", 2),
    (r"(n|num)_?heads?|heads|nhead|num_attention_heads|n_?kv_?heads?|attn_heads", 4),
    (r"head_dim|dim_head|d_k|d_v|head_size", 16),
    (
        r"mlp_dim|d_inner(_hid)?|d_ff|ff_dim|ffn_dim|dim_feedforward|hidden_features|mlp_hidden\w*|intermediate_size",
        128,
    ),
    (r"mlp_ratio|expand(_ratio|_rate)?|expansion(_factor|_ratio)?|ffn_expansion\w*|ratio|t", 4),
    (r"reduction(_ratio)?|squeeze_factor|r|reduce", 4),
    (r"growth_?rate|gc", 12),
    (r"width_?(mult\w*|coefficient|factor)|depth_(coefficient|mult\w*|multiple)|alpha|multiplier|wid_mul|dep_mul", 1.0),
    (r"cardinality|num_groups", 8),
    (r"groups?|dilations?|output_padding|(first_|downsample_)?strides?|padding|pad|sr_ratio", 1),
    (r"(\w+_)?(kernel|kernal|filter)_?(sizes?)?|k|ksize|ks|kernels_size", 3),
    (r"layers|depths|num_blocks|block_config|stages_repeats|nums?_blocks|layer_nums|blocks", [2, 2, 2, 2]),
    (r"(n|num|nb|number)_?(of_)?(layers?|blocks?|stages?|resblocks?|repeats?|convs?|units?|levels?|cells?)", 2),
    (r"depth|nb|layer_num|num_res\w*|repeat|n|num|l", 2),
    (r"embed_dims|dims|widths?_list|hidden_dims|stages_out_channels|\w*channels_list|filters_list", [32, 64, 128, 256]),
    (r"(feature|encoder|decoder)_channels", [32, 64, 128, 256]),
    (r"p|\w*drop(out|_?path)?\w*|(survival_)?prob", 0.0),
    (
        r"(use|is|has|with|no|do|enable|return|include|apply|need|if)_\w+|\w*bias|training|pretrained|deploy|inplace|use\w+",
        False,
    ),
    (r"bn|downsample|transpose|bilinear|affine|causal|bidirectional|residual|shortcut|verbose|debug", False),
    (r"eps|epsilon|momentum|init_values?|layer_scale\w*|negative_slope|temperature|lr", 1e-3),
    (r"sample_?rate|sr|fs", 16000),
    (r"n_?fft|win_length", 512),
    (r"hop(_size|_length)?", 256),
    (r"n_mels|mel_bins|num_mels|n_mel_channels|num_bands|n_freqs?", 64),
    (r"fmin", 50),
    (r"fmax", 8000),
    (r"(num_)?anchors?(_num)?|num_priors", 3),
    (r"devices?|gpu_ids?|gpu", "cpu"),
    (r"name|prefix|suffix|tag|label|title", "x"),
    (r"sources", ["a", "b", "c", "d"]),
    (r"\w*(rate|prob|factor|coef|coeff)", 0.5),
)
_COMPILED = tuple((re.compile(pattern), value) for pattern, value in _TABLE)

_FIRST_CHANNELS = re.compile(
    r"(in|input|img|image|n|num|num_in)_?(chans?|channels?|channel|ch|nc|planes?)|channels_in|c_in|colors|in_c|inchannels?"
)
_CHANNELS = re.compile(
    r"\w*(chans?|channels?|planes?|filters?|features?|feats?|ch|dims?|nf|width|widths|inp|oup|inputs?|outputs?|neurons"
    r"|units|hidden|hid|nc|c[1-9]?|in_c|out_c|mid|size|embd|d_model|d_word_vec|_in|_out)"
)
_SETTINGS = re.compile(r"(\w+_)?(cfgs?|config|conf|args|opts?|options|hparams|params|hp|settings|kwargs)")
_MODULE = re.compile(r"fn|(sub)?module|(\w+_)?(backbone|encoder|decoder|neck|head|model|net|network|body)|\w*layer")


def by_table(name: str, whole: bool) -> Any:
    """The usual value for a parameter of that lower-case name, or None. ``whole``: of a network rather than a block."""
    if _FIRST_CHANNELS.fullmatch(name):
        return 3 if whole else 64
    for pattern, value in _COMPILED:
        if pattern.fullmatch(name):
            return list(value) if isinstance(value, list) else value
    if name.endswith("_list") and (one := by_table(name.removesuffix("_list"), whole)) is not None:
        return one if isinstance(one, list) else [one, one]
    return 64 if _CHANNELS.fullmatch(name) else None


def is_channels(name: str) -> bool:
    """Whether the name is one of a width."""
    return bool(_CHANNELS.fullmatch(name))


def is_settings(name: str) -> bool:
    """Whether the name is one of a configuration object."""
    return bool(_SETTINGS.fullmatch(name))


def is_module(name: str) -> bool:
    """Whether the name is one of a submodule."""
    return bool(_MODULE.fullmatch(name)) and not re.match(r"(n|num|nb|d|dim|is|use|in|out)_", name)
