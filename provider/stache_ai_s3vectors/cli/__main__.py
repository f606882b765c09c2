"""The same as `stache-s3vectors`: python -m stache_ai_s3vectors.cli."""

from . import main

if __name__ == "__main__":
    main()
