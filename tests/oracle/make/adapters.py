"""Writes LoRA adapters in PEFT's layout with expected logits, loss and gradients, over the models that models.py makes.   usage: adapters.py MODELS_DIR OUT_DIR"""
import json, os, sys
for k in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"): os.environ.pop(k, None)
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from peft import LoraConfig, get_peft_model
src, out = sys.argv[1:3]
CASES = (
    ("llama-lora", "llama", ["q_proj", "v_proj"], 4, {}),
    ("gpt2-lora", "gpt2", ["c_attn", "c_proj", "c_fc"], 8, {"fan_in_fan_out": True}),
    ("pythia-lora", "pythia", ["query_key_value", "dense"], 2, {"use_rslora": True}),
    ("llama-tied-head-lora", "llama-tied", ["q_proj", "lm_head"], 4, {}),
    ("gpt2-head-lora", "gpt2", ["c_attn", "lm_head"], 2, {"fan_in_fan_out": True}),
    ("pythia-head-lora", "pythia", ".*(dense|lm_head)", 3, {"use_rslora": True}),
)
for case, name, targets, rank, extra in CASES:
    torch.manual_seed(11); m = AutoModelForCausalLM.from_pretrained(f"{src}/{name}").float()
    p = get_peft_model(m, LoraConfig(r=rank, lora_alpha=16, target_modules=targets, lora_dropout=0.0, task_type="CAUSAL_LM", **extra))
    with torch.no_grad():
        for n, w in p.named_parameters():
            if "lora_B" in n: w.copy_(0.1 * torch.randn_like(w))
    e = load_file(f"{src}/{name}/expected.safetensors"); ids, mask, pos = (e[k].long() for k in ("input_ids", "attention_mask", "position_ids"))
    p.zero_grad(); lg = p(input_ids=ids, attention_mask=mask, position_ids=pos).logits; lp = torch.log_softmax(lg, -1)[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]; keep = (mask[:, 1:] * mask[:, :-1]).float()
    loss = -(lp * keep).sum() / keep.sum(); loss.backward(); d = f"{out}/{case}"; p.save_pretrained(d)
    save_file({"logits": lg.detach().contiguous(), "loss": loss.detach().reshape(1), **{"grad." + n: w.grad.contiguous() for n, w in p.named_parameters() if w.requires_grad}}, f"{d}/expected.safetensors")
    for f in ("README.md",):
        if os.path.exists(f"{d}/{f}"): os.remove(f"{d}/{f}")
    c = json.load(open(f"{d}/adapter_config.json")); c["base_model_name_or_path"] = f"../../models/{name}"; json.dump(c, open(f"{d}/adapter_config.json", "w"), indent=2); print(case, loss.item(), os.listdir(d))
