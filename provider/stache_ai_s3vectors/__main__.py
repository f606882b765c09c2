"""The same as `stache-s3vectors`: python -m stache_ai_s3vectors."""

from .tool.main import main

if __name__ == "__main__":
    main(prog_name="stache-s3vectors")
