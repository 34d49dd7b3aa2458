"""Energy of an inference: products and traffic by the target's own figures, unknown where one is missing."""

from pathlib import Path

import pytest

from advisor.estimator import SIMULATED
from advisor.estimator.energy import inference_uj, kernel_pj, kwh_a_year
from advisor.targets import Target, load
from tests.graphs import GraphBuilder, mobilenet_v2


@pytest.fixture(scope="module")
def npu() -> Target:
    return load("npu-64")


@pytest.fixture
def changed(tmp_path: Path):
    def make(text: str) -> Target:
        path = tmp_path / "mine.toml"
        path.write_text(f'inherits = "npu-64"\ndescription = "mine"\n{text}\n', encoding="utf-8")
        return load(path)

    return make


def test_a_kernels_energy_is_its_products_and_its_bytes(npu):
    sram, dram = npu.memories
    assert kernel_pj({"conv": 1000}, [], npu) == pytest.approx(300)
    assert kernel_pj({}, [(sram, 8), (dram, 8)], npu) == pytest.approx(100 + 1952)
    assert kernel_pj({"conv": 1000}, [(sram, 8)], npu) == pytest.approx(400)


def test_a_convolution_by_hand(npu):
    b = GraphBuilder()
    y = b.conv(b.conv(b.input((1, 64, 32, 32)), 64, 3), 32)
    costs = SIMULATED.estimate(b.build(y), npu)
    pixels = 32 * 32
    macs = pixels * 64 * 64 * 9 + pixels * 64 * 32
    sram = 2 * pixels * 64 + pixels * 32  # the input comes from DRAM
    dram = pixels * 64 + 64 * 64 * 9 + 64 * 32
    assert costs.energy_uj == pytest.approx((macs * 0.3 + sram * 12.5 + dram * 244) / 1e6)


def test_depthwise_products_have_their_own_figure(changed):
    b = GraphBuilder()
    graph = b.build(b.depthwise(b.input((1, 64, 32, 32))))
    kinds = {"conv": 0.3, "pointwise": 0.3, "linear": 0.3, "matmul": 0.3}

    def energy(pj: float) -> float:
        table = "\n".join(f"{kind} = {value}" for kind, value in {**kinds, "depthwise": pj}.items())
        found = SIMULATED.estimate(graph, changed(f"[energy.pj_per_mac]\n{table}\n# {pj}")).energy_uj
        assert found is not None
        return found

    assert energy(2.3) - energy(1.3) == pytest.approx(32 * 32 * 64 * 9 / 1e6)


def test_what_is_not_given_is_unknown(changed):
    memory = "[[memory]]\nname = 'l2'\nbytes_per_s = 1e9\nroles = ['activations', 'weights']\n"
    assert SIMULATED.estimate(mobilenet_v2(), changed(memory)).energy_uj is None
    assert SIMULATED.estimate(mobilenet_v2(), load("cpu-x86")).energy_uj is None
    assert inference_uj([1.0, None]) is None
    assert inference_uj([]) == 0


def test_an_edit_is_re_costed_with_its_energy(npu):
    before, after = mobilenet_v2(), mobilenet_v2(fused=2)
    base = SIMULATED.estimate(before, npu)
    again = SIMULATED.restimate(base, before, after, npu)
    assert again.energy_uj == pytest.approx(SIMULATED.estimate(mobilenet_v2(fused=2), npu).energy_uj)
    assert again.energy_uj != base.energy_uj


def test_a_million_users_for_a_year():
    # 1 mJ an inference, 100 a day: 36.5 J a user and year
    assert kwh_a_year(1000, 100) == pytest.approx(1e6 * 36.5 / 3.6e6)
    assert kwh_a_year(1000, 100, users=1) == pytest.approx(kwh_a_year(1000, 100) / 1e6)
