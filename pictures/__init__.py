"""Pictures as people have them: files of any common format, and the captions beside them.

The market and the engine read works with this one reader. It knows neither of them, and neither Django nor torch.
"""
