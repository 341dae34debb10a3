"""A reply written by a language model that the user names; without a name, nothing is ever generated.

What a model writes may be wrong in fact: it is shown as its words, for an agent to check, and never sent by itself.
The model gets the masked dialogue and the best suggestions as its only facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from core.encoders._hub import is_local
from core.errors import ConfigError
from core.privacy.text import Masker
from core.torchaudio_import import torchaudio
from domains.customer_service.replies import Suggestion
from domains.customer_service.turns import from_dialogue, template

_TASK = (
    "You draft a reply for a customer-service agent, who will check it. Answer the customer's last message in at most "
    "three sentences. Use only these facts, and say so if they do not answer it:"
)


class ReplyWriter:
    """Text generation by a causal model of the transformers library.

    Args:
        model: a local folder, which is never looked up on a network, or a hub id.
        tokens: at most so many new ones.

    Raises:
        ConfigError: if there is no such model, or it is none that continues a text.
    """

    def __init__(self, model: str, *, tokens: int = 120) -> None:
        local = is_local(model)
        torchaudio()  # before transformers, which imports it
        from transformers import AutoModelForCausalLM, AutoTokenizer

        kept: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(model, **kept)
            self._network: Any = AutoModelForCausalLM.from_pretrained(model, dtype="float32", **kept).eval()
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"model {model!r} cannot write replies: {error}; name a folder or hub id of a causal language model"
            ) from error
        self.model, self.tokens = model, tokens

    def write(self, dialogue: str | Sequence[str], suggestions: Sequence[Suggestion] = ()) -> Suggestion:
        """One more suggestion in the model's own words; its score is 0, for nothing vouches for it.

        Raises:
            ConfigError: if the customer said nothing.
        """
        turn, masker = from_dialogue(dialogue), Masker()
        lines = [masker.mask(n).text for n in (*turn.before, f"customer: {turn.text}")]
        facts = [f"- {s.template}" for s in suggestions]
        prompt = self._prompt("\n".join([_TASK, *facts]), "\n".join(lines))
        ids = self._tokenizer(prompt, return_tensors="pt", add_special_tokens=False)["input_ids"]  # (1, T)
        reach = getattr(self._network.config, "max_position_embeddings", None) or 4096
        ids = ids[:, -max(reach - self.tokens, 1) :]
        with torch.inference_mode():
            written = self._network.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=self.tokens, do_sample=False,
                pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id or 0,
            )  # fmt: skip
        text = self._tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)
        text = template(text.split("customer:")[0].strip())
        return Suggestion(text, 0.0, f"written by {self.model}; check every fact", template=text)

    def _prompt(self, task: str, dialogue: str) -> str:
        if self._tokenizer.chat_template is None:
            return f"{task}\n\n{dialogue}\nagent:"
        said = [{"role": "system", "content": task}, {"role": "user", "content": dialogue}]
        return str(self._tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True))
