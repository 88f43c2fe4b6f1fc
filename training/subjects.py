"""What the embedded base model is trained on: styles and subjects, and what is kept from it.

The pictures are open-licensed emoji: the same subjects drawn by several artists, each in a house style of their own.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """A house style: the name used in captions, and the icon set that holds its pictures."""

    name: str
    package: str  # the part after "@iconify-json/"
    licence: str
    artist: str
    source: str


STYLES = (
    Style("Fluent 3D", "fluent-emoji", "MIT", "Microsoft Corporation", "https://github.com/microsoft/fluentui-emoji"),
    Style("Fluent Flat", "fluent-emoji-flat", "MIT", "Microsoft Corporation", "https://github.com/microsoft/fluentui-emoji"),
    Style("High Contrast", "fluent-emoji-high-contrast", "MIT", "Microsoft Corporation", "https://github.com/microsoft/fluentui-emoji"),
    Style("Twemoji", "twemoji", "CC-BY-4.0", "Twitter and contributors", "https://github.com/jdecked/twemoji"),
    Style("Noto", "noto", "Apache-2.0", "Google", "https://github.com/googlefonts/noto-emoji"),
    Style("EmojiTwo", "emojione", "CC-BY-4.0", "EmojiTwo contributors", "https://github.com/EmojiTwo/emojitwo"),
)  # fmt: skip

# Never shown to the base: added later, as an artist's plug-in.
HELD_OUT_STYLE = Style(
    "FxEmoji", "fxemoji", "Apache-2.0", "Mozilla Foundation", "https://github.com/mozilla/fxemoji"
)

# One more artist's drawings of the same subjects. They only make the autoencoder and the judge's subject head sturdier.
EXTRA_STYLE = Style("Noto v1", "noto-v1", "Apache-2.0", "Google", "https://github.com/googlefonts/noto-emoji")

# icon name -> (caption, name of the same subject in the held-out set or "")
SUBJECTS: dict[str, tuple[str, str]] = {
    "airplane": ("an airplane", "airplane"),
    "alien": ("an alien", "alien"),
    "ambulance": ("an ambulance", "ambulance"),
    "anchor": ("an anchor", "anchor"),
    "avocado": ("an avocado", ""),
    "backpack": ("a backpack", ""),
    "balloon": ("a balloon", "balloon"),
    "banana": ("a banana", "banana"),
    "basketball": ("a basketball", ""),
    "bear": ("a bear", "bear"),
    "beer-mug": ("a mug of beer", "beermug"),
    "bell": ("a bell", "bell"),
    "bicycle": ("a bicycle", "bicycle"),
    "birthday-cake": ("a birthday cake", "birthdaycake"),
    "bomb": ("a bomb", "bomb"),
    "briefcase": ("a briefcase", "briefcase"),
    "bus": ("a bus", "bus"),
    "butterfly": ("a butterfly", ""),
    "cactus": ("a cactus", "cactus"),
    "camel": ("a camel", "dromedarycamel"),
    "camera": ("a camera", "camera"),
    "candle": ("a candle", "candle"),
    "candy": ("a candy", "candy"),
    "automobile": ("a car", "automobile"),
    "carrot": ("a carrot", ""),
    "castle": ("a castle", "europeancastle"),
    "cat-face": ("a cat", "cat"),
    "cheese-wedge": ("a wedge of cheese", ""),
    "cherries": ("cherries", "cherries"),
    "chicken": ("a chicken", "chicken"),
    "christmas-tree": ("a Christmas tree", "christmastree"),
    "clown-face": ("a clown", ""),
    "cookie": ("a cookie", "cookie"),
    "ear-of-corn": ("an ear of corn", "earofmaize"),
    "cow-face": ("a cow", "cowface"),
    "crab": ("a crab", ""),
    "croissant": ("a croissant", ""),
    "crown": ("a crown", "crown"),
    "dog-face": ("a dog", "dog"),
    "door": ("a door", "door"),
    "doughnut": ("a doughnut", "doughnut"),
    "dress": ("a dress", "dress"),
    "eggplant": ("an eggplant", "aubergine"),
    "elephant": ("an elephant", "elephant"),
    "eye": ("an eye", "eye"),
    "ferris-wheel": ("a ferris wheel", "ferriswheel"),
    "fire": ("a fire", "fire"),
    "fish": ("a fish", "fish"),
    "fox": ("a fox", ""),
    "french-fries": ("french fries", "frenchfries"),
    "frog": ("a frog", "frog"),
    "gem-stone": ("a gem", "gem"),
    "wrapped-gift": ("a gift", "present"),
    "glasses": ("a pair of glasses", "glasses"),
    "grapes": ("grapes", "grapes"),
    "guitar": ("a guitar", "guitar"),
    "hamburger": ("a hamburger", "hamburger"),
    "hammer": ("a hammer", "hammer"),
    "helicopter": ("a helicopter", "helicopter"),
    "horse": ("a horse", "horse"),
    "house": ("a house", "housebuilding"),
    "ice-cream": ("ice cream", "icecream"),
    "jack-o-lantern": ("a pumpkin lantern", "jackolantern"),
    "jeans": ("a pair of jeans", "jeans"),
    "key": ("a key", "key"),
    "koala": ("a koala", "koala"),
    "lady-beetle": ("a ladybug", "ladybeetle"),
    "lemon": ("a lemon", "lemon"),
    "light-bulb": ("a light bulb", "lightbulb"),
    "lion": ("a lion", ""),
    "lipstick": ("a lipstick", "lipstick"),
    "locked": ("a padlock", "lock"),
    "monkey-face": ("a monkey", "monkeyface"),
    "mouse-face": ("a mouse", "mouse"),
    "mushroom": ("a mushroom", "mushroom"),
    "owl": ("an owl", ""),
    "palm-tree": ("a palm tree", "palmtree"),
    "peach": ("a peach", "peach"),
    "pear": ("a pear", "pear"),
    "penguin": ("a penguin", "penguin"),
    "pig-face": ("a pig", "pig"),
    "pineapple": ("a pineapple", ""),
    "pizza": ("a slice of pizza", "sliceofpizza"),
    "popcorn": ("popcorn", ""),
    "rabbit-face": ("a rabbit", "bunny"),
    "rainbow": ("a rainbow", "rainbow"),
    "red-apple": ("an apple", "redapple"),
    "ring": ("a ring", "ring"),
    "rocket": ("a rocket", "rocket"),
    "rose": ("a rose", "rose"),
    "sailboat": ("a sailboat", "sailboat"),
    "santa-claus": ("Santa Claus", "fatherchristmas"),
    "saxophone": ("a saxophone", "saxophone"),
    "shark": ("a shark", ""),
    "skull": ("a skull", "skull"),
    "snail": ("a snail", "snail"),
    "snowman-without-snow": ("a snowman", "snowmanwithoutsnow"),
    "soccer-ball": ("a soccer ball", "soccerball"),
    "spider": ("a spider", "spider"),
    "strawberry": ("a strawberry", "strawberry"),
    "sunflower": ("a sunflower", "sunflower"),
    "t-shirt": ("a t-shirt", ""),
    "tent": ("a tent", "tent"),
    "tiger-face": ("a tiger", "tiger"),
    "top-hat": ("a top hat", "tophat"),
    "tractor": ("a tractor", "tractor"),
    "trophy": ("a trophy", "trophy"),
    "tulip": ("a tulip", "tulip"),
    "turtle": ("a turtle", "turtle"),
    "umbrella": ("an umbrella", "umbrella"),
    "unicorn": ("a unicorn", ""),
    "violin": ("a violin", "violin"),
    "volcano": ("a volcano", "volcano"),
    "watch": ("a watch", "watch"),
    "watermelon": ("a slice of watermelon", "watermelon"),
    "spouting-whale": ("a whale", "spurtingwhale"),
}

# Characters never shown to the base in any style. name -> (caption, name in the held-out set)
HELD_OUT_CHARACTERS: dict[str, tuple[str, str]] = {
    "panda": ("a panda", "pandaface"),
    "ghost": ("a ghost", "ghost"),
    "octopus": ("an octopus", "octopus"),
}

HELD_OUT_PAIR_EVERY = 20  # about one (subject, style) pair in twenty is kept out of training


def is_held_out_pair(subject_index: int, style_index: int) -> bool:
    """Tell whether a (subject, style) pair is kept from the base, to see later whether it composes.

    The pairs lie on a diagonal, so that no subject and no style loses more than one pair in twenty.
    """
    return (subject_index * 7 + style_index * 3) % HELD_OUT_PAIR_EVERY == 0
