import json
import os

from include.comparison import described

print(json.dumps(described(os.environ["DAY"], json.loads(os.environ["VALUES"]))))
