"""What runs a session of provider claude-sdk in its pane: a program that speaks the lines of claude's stream-json on
both sides, and holds the conversation through the package claude-agent-sdk.

Standard library and that package only, and nothing else of genie: it can run under another Python than genie's.
"""

BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from genie.sdk.program import main; main()"
"""What the interpreter runs. The root of genie comes last on its path, and nothing else of it is used."""
INSTALL = "pip install 'genie-agents[sdk]'"
