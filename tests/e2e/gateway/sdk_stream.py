"""A user's program that reads one stream with the official client, of whatever version is first on the path.

Takes the model and the number of choices; prints one JSON object: what it was shown, and the error that ended it.
"""

import json
import os
import sys

import openai

shown: dict[str, object] = {"version": openai.__version__, "text": "", "finish_reasons": [], "usage": None}
texts, reasons = [], []
with openai.OpenAI(base_url=os.environ["TOLLWAY_URL"], api_key=os.environ["TOLLWAY_KEY"], max_retries=0) as client:
    try:
        for chunk in client.chat.completions.create(
            model=sys.argv[1], n=int(sys.argv[2]), stream=True, messages=[{"role": "user", "content": "Say hello."}]
        ):
            texts.append(chunk.choices[0].delta.content)  # unguarded, as people write it
            reasons += [choice.finish_reason for choice in chunk.choices if choice.finish_reason]
            if chunk.usage is not None:
                shown["usage"] = chunk.usage.to_dict()
    except openai.APIError as error:
        shown["error"] = {"kind": type(error).__name__, "code": error.code, "message": error.message}
print(json.dumps(shown | {"text": "".join(texts), "finish_reasons": reasons}))
