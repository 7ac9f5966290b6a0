"""HTML as text: tokens, and the text that flows from them, without a parser that could be led astray."""
