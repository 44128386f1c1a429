"""Speed against other programs, each ratio measured in one run: `make bench`."""

from bench import drawing, training

if __name__ == "__main__":
    drawing.main()
    training.main()
