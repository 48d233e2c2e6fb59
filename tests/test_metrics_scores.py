"""CLIPScore and BERTScore against CLIPModel by hand, a loop without batches, and the bert-score package."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, CLIPModel, CLIPProcessor

from judges import bert_folder, clip_folder, pictures, roberta_folder
from molyneux.ground.errors import ImageError, NonFiniteError, SettingError
from molyneux.metrics.bert import BertJudge
from molyneux.metrics.bertscore import TokenVectors, bert_score, greedy_f1, token_vectors
from molyneux.metrics.clip import ClipJudge, clip_score, cosine_scores, image_vectors, text_vectors

TEXTS = ["a dog", "a cat and a dog on a wave", "the lion in the jungle", "a dog", "zebra , man ,"]
CANDIDATES = [
    *("a dog with a cat", "a lion", "the man surfing on a wave", "red", "a dog with a cat ."),
    *("zebra zebra zebra zebra", "a tiger of unknown words", "a man in the jungle with a blue horse"),
]
REFERENCES = [
    *("a dog and a cat", "a zebra", "a man on a wave", "blue", "the dog with a cat ."),
    *("zebra", "a cat", "a man in the jungle with a red dog"),
]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> ClipJudge:
    return ClipJudge.load(clip_folder(tmp_path_factory.mktemp("clip")), device="cpu")


@pytest.fixture(scope="module")
def bert_at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert_folder(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def bert(bert_at: Path) -> BertJudge:
    return BertJudge.load(bert_at, layer=2, device="cpu")


# CLIPScore


@torch.no_grad()
def test_clip_score_is_that_of_clip_model_by_hand(clip: ClipJudge) -> None:
    model = CLIPModel.from_pretrained(clip.card.name)
    processor = CLIPProcessor.from_pretrained(clip.card.name, backend="pil")
    wanted, signs = [], []
    for image, text in zip(pictures(), TEXTS, strict=True):
        out = model(**processor(images=[image], text=[text], return_tensors="pt"))
        cosine = float((out.image_embeds.double() * out.text_embeds.double()).sum())
        signs.append(cosine < 0)
        wanted.append(max(0.0, 100 * cosine))
    assert any(signs), "no negative cosine: the floor is not tried"
    assert not all(signs)
    found = clip_score(clip, pictures(), TEXTS, batch_size=2)
    assert found.values == pytest.approx(wanted, abs=1e-3)  # of 100: 1e-5 of the cosine
    assert found.cut == 0
    assert found.judge is clip.card


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_clip_score_does_not_depend_on_batch_or_order(clip: ClipJudge, batch_size: int) -> None:
    images, whole = pictures(), clip_score(clip, pictures(), TEXTS).values
    order = [3, 0, 4, 2, 1]
    found = clip_score(clip, [images[n] for n in order], [TEXTS[n] for n in order], batch_size=batch_size)
    assert found.values == pytest.approx(whole[order], abs=1e-3)
    assert whole[0] != pytest.approx(whole[3], abs=0.1)  # the same text with another image


def test_long_texts_are_cut_and_counted(clip: ClipJudge) -> None:
    ten, longer = " ".join(["dog"] * 10), " ".join(["dog"] * 10 + ["cat"] * 30)
    vectors, cut = text_vectors(clip, [ten, longer, "a dog"], batch_size=2)
    assert cut.tolist() == [False, True, False]
    torch.testing.assert_close(vectors[0], vectors[1])
    assert clip_score(clip, pictures(3), [longer, ten, longer]).cut == 2


def test_one_image_serves_many_texts(clip: ClipJudge) -> None:
    images = image_vectors(clip, pictures(1))
    texts, _ = text_vectors(clip, TEXTS)
    many = cosine_scores(images, texts)
    assert many.tolist() == pytest.approx(clip_score(clip, pictures(1) * 5, TEXTS).values.tolist(), abs=1e-3)
    assert images.norm(dim=1).tolist() == pytest.approx([1.0])
    by_hand = [
        max(0.0, 100 * float(np.dot(images[0].double().numpy(), text.double().numpy()))) for text in texts
    ]
    assert many.tolist() == pytest.approx(by_hand, abs=1e-4)


def test_a_prefix_is_put_before_texts_and_said(clip: ClipJudge) -> None:
    begun = ClipJudge.load(clip.card.name, prefix="a picture of ", device="cpu")
    ours, _ = text_vectors(begun, ["a dog"])
    plain, _ = text_vectors(clip, ["a picture of a dog", "a dog"])
    torch.testing.assert_close(ours[0], plain[0])
    assert not torch.allclose(plain[0], plain[1], atol=1e-3)
    assert 'texts begin "a picture of "' in str(begun.card)


def test_nothing_to_score(clip: ClipJudge, bert: BertJudge) -> None:
    assert len(clip_score(clip, [], []).values) == 0
    assert len(bert_score(bert, [], []).values) == 0


def test_clip_score_refuses(clip: ClipJudge, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="one text for each image"):
        clip_score(clip, pictures(2), ["a dog"])
    with pytest.raises(SettingError, match="at least 1"):
        clip_score(clip, pictures(1), ["a dog"], batch_size=0)
    (tmp_path / "no.jpg").write_text("no image")
    with pytest.raises(ImageError):
        clip_score(clip, [tmp_path / "no.jpg"], ["a dog"])


# BERTScore


@torch.no_grad()
def slow_f1(folder: Path, layer: int, candidate: str, reference: str) -> float:
    """One pair by loops over tokens, each text through the model alone."""
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in (candidate, reference):
        ids = tokenizer(text, truncation=True, max_length=12, return_tensors="pt")["input_ids"]
        rows.append(model(ids, output_hidden_states=True).hidden_states[layer][0].double().numpy())
    a, b = rows
    cosines = {
        (i, j): a[i] @ b[j] / np.sqrt((a[i] @ a[i]) * (b[j] @ b[j]))
        for i, j in product(range(len(a)), range(len(b)))
    }
    precision = np.mean([max(cosines[i, j] for j in range(len(b))) for i in range(1, len(a) - 1)])
    recall = np.mean([max(cosines[i, j] for i in range(len(a))) for j in range(1, len(b) - 1)])
    return float(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize("layer", [0, 2, 3])
def test_bert_score_is_that_of_slow_loops(bert_at: Path, bert: BertJudge, layer: int) -> None:
    found = bert_score(bert.at(layer), CANDIDATES, REFERENCES, batch_size=3)
    wanted = [slow_f1(bert_at, layer, *pair) for pair in zip(CANDIDATES, REFERENCES, strict=True)]
    assert found.values == pytest.approx(wanted, abs=1e-5)
    assert np.ptp(found.values) > 0.1
    assert found.judge.options == f"layer {layer}"


@pytest.mark.parametrize("seed", range(5))
def test_matching_of_any_vectors_is_that_of_slow_loops(seed: int) -> None:
    """In three dimensions half of the cosines are negative: padding must not be the better match."""
    rng = np.random.default_rng(seed)

    def text(count: int) -> TokenVectors:
        vectors = rng.normal(size=(count + 2, 3))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        ends = [n not in (0, count + 1) for n in range(count + 2)]
        return TokenVectors(torch.from_numpy(vectors).float(), torch.tensor(ends), False)

    pairs = [(text(int(a)), text(int(b))) for a, b in rng.integers(0, 6, (30, 2))]
    wanted = []
    for a, b in pairs:
        cosines = a.vectors.double().numpy() @ b.vectors.double().numpy().T
        precision = [max(row) for row, counts in zip(cosines, a.counts, strict=True) if counts]
        recall = [max(row) for row, counts in zip(cosines.T, b.counts, strict=True) if counts]
        p, r = (float(np.mean(values)) if values else 0.0 for values in (precision, recall))
        wanted.append(2 * p * r / (p + r) if precision and recall else 0.0)
    found = greedy_f1([a for a, _ in pairs], [b for _, b in pairs])
    assert found.tolist() == pytest.approx(wanted, abs=1e-4)
    assert 0 in wanted
    assert max(wanted) > 0.5


@pytest.mark.peers
@pytest.mark.skipif(find_spec("bert_score") is None, reason="bert-score is not installed")
@pytest.mark.parametrize("layer", [0, 1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 64])
def test_bert_score_is_that_of_the_package(
    bert_at: Path, bert: BertJudge, layer: int, batch_size: int
) -> None:
    from bert_score import score

    several = [[ref, "a wave", other] for ref, other in zip(REFERENCES, TEXTS * 2, strict=False)]
    for references in (REFERENCES, several):
        theirs = score(
            CANDIDATES,
            references,
            model_type=str(bert_at),
            num_layers=layer,
            batch_size=batch_size,
            device="cpu",
        )[2]
        ours = bert_score(bert.at(layer), CANDIDATES, references).values
        assert ours == pytest.approx(theirs.numpy(), abs=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_bert_score_does_not_depend_on_batch_or_order(bert: BertJudge, batch_size: int) -> None:
    whole = bert_score(bert, CANDIDATES, REFERENCES).values
    order = np.random.default_rng(1).permutation(len(CANDIDATES))
    found = bert_score(
        bert, [CANDIDATES[n] for n in order], [REFERENCES[n] for n in order], batch_size=batch_size
    )
    assert found.values == pytest.approx(whole[order], abs=1e-5)
    alone = [bert_score(bert, [a], [b]).values[0] for a, b in zip(CANDIDATES, REFERENCES, strict=True)]
    assert alone == pytest.approx(whole, abs=1e-5)


def test_chunks_do_not_matter(bert: BertJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bert_score(bert, CANDIDATES, REFERENCES).values
    monkeypatch.setattr("molyneux.metrics.bertscore._CHUNK", 3)
    assert bert_score(bert, CANDIDATES, REFERENCES).values == pytest.approx(whole, abs=1e-5)


def test_identical_texts_score_one_and_f1_is_symmetric(bert: BertJudge) -> None:
    assert bert_score(bert, CANDIDATES, CANDIDATES).values == pytest.approx(np.ones(8), abs=1e-5)
    there, back = (
        bert_score(bert, *pair).values for pair in ((CANDIDATES, REFERENCES), (REFERENCES, CANDIDATES))
    )
    assert there == pytest.approx(back, abs=1e-5)


def test_the_best_of_several_references_counts(bert: BertJudge) -> None:
    several = ["a zebra", "a man", "", "a lion in the jungle"]
    alone = [bert_score(bert, ["a lion"], [one]).values[0] for one in several]
    assert bert_score(bert, ["a lion"], [several]).values[0] == pytest.approx(max(alone), abs=1e-6)
    mixed = bert_score(bert, ["a lion", "a dog"], [several, "a dog"]).values
    assert mixed == pytest.approx([max(alone), 1.0], abs=1e-5)


@pytest.mark.parametrize("empty", ["", "  ", "\n\t"])
def test_empty_texts_score_nothing(bert: BertJudge, empty: str) -> None:
    assert bert_score(bert, [empty, "a dog", empty], ["a dog", empty, empty]).values.tolist() == [0, 0, 0]
    assert bert_score(bert, ["a dog", ""], [["", "a dog"], ["a dog", "a cat"]]).values == pytest.approx(
        [1, 0]
    )


def test_long_texts_of_bert_are_cut_and_counted(bert: BertJudge) -> None:
    ten, longer = " ".join(["dog"] * 10), " ".join(["dog"] * 10 + ["cat"] * 30)
    found = bert_score(bert, [ten, longer, "a dog", "a dog"], [longer, "a cat", "a cat", ["a cat", longer]])
    assert found.cut == 3
    assert found.values[0] == pytest.approx(1, abs=1e-5)


def test_bert_score_refuses(bert: BertJudge) -> None:
    with pytest.raises(SettingError, match="for each candidate"):
        bert_score(bert, ["a", "the"], ["a"])
    with pytest.raises(SettingError, match="at least one text"):
        bert_score(bert, ["a"], [[]])
    with pytest.raises(SettingError, match="at least 1"):
        bert_score(bert, ["a"], ["a"], batch_size=0)
    with pytest.raises(SettingError, match="0, the embeddings, to 3"):
        bert.at(4)


def test_roberta_begins_texts_as_inside_a_sentence(tmp_path: Path) -> None:
    judge = BertJudge.load(roberta_folder(tmp_path), layer=1, device="cpu")
    assert judge.longest == 12  # of 14 positions two are not used
    known = token_vectors(judge, ["dog cat", "dog" * 40, ""])
    assert known["dog cat"].counts.tolist() == [False, True, True, False]  # " dog", " cat"
    assert known["dog" * 40].cut
    assert not known[""].counts.any()
    assert bert_score(judge, ["dog", "dog" * 40], ["dog", "cat"]).cut == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_weights_are_no_scores(clip: ClipJudge, bert_at: Path, value: float) -> None:
    bert = BertJudge.load(bert_at, layer=2, device="cpu")
    with torch.no_grad():
        bert.model.encoder.layer[0].output.dense.bias[0] = value
    with pytest.raises(NonFiniteError, match="layer 2"):
        bert_score(bert, ["a dog"], ["a cat"])
    assert bert_score(bert.at(0), ["a dog"], ["a dog"]).values == pytest.approx([1], abs=1e-5)
    broken = replace(clip, model=CLIPModel.from_pretrained(clip.card.name))
    with torch.no_grad():
        broken.model.visual_projection.weight[0, 0] = value
        broken.model.text_projection.weight[0, 0] = value
    with pytest.raises(NonFiniteError, match="embeddings of"):
        image_vectors(broken, pictures(2))
    with pytest.raises(NonFiniteError, match="embeddings of"):
        text_vectors(broken, ["a dog"])
