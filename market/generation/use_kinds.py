"""Kinds of uses that artists often refuse: the words that ask for each, and sentences that describe it without those words.

Words are chosen to mean little else: “bloody”, not “blood”, for the sake of blood oranges. What they leave out, the sentences find
by their meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

from market.catalog.models.bans import UseKind


@dataclass(frozen=True)
class Wording:
    """How prompts ask for one kind of use."""

    words: tuple[str, ...]
    sentences: tuple[str, ...]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _sentences(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.splitlines() if each.strip())


WORDINGS: dict[UseKind, Wording] = {
    UseKind.NUDITY: Wording(
        _listed(
            "nude, nudes, nudity, nudist, naked man, naked men, naked woman, naked women, naked girl, naked boy, naked couple, "
            "naked person, naked people, naked body, stark naked, topless, bottomless, porn, porno, pornography, pornographic, hentai, "
            "nsfw, erotic, erotica, sex, sexual, sexy, genitals, penis, vagina, vulva, nipple, bare breasts, exposed breasts, boobs, "
            "striptease, stripper, orgy, masturbation, undressing, fetish, lingerie"
        ),
        _sentences("""
            a woman without clothes
            a man wears nothing at all
            a person with no clothes on
            taking off all her clothes
            people making love in bed
            bathing without a swimsuit
        """),
    ),
    UseKind.VIOLENCE: Wording(
        _listed(
            "gore, gory, murder, murderer, murdering, massacre, slaughter, torture, tortured, torturing, beheaded, beheading, behead, "
            "decapitated, decapitation, severed head, severed arm, severed limb, mutilated, mutilation, dismembered, corpse, dead body, "
            "bloody, bloodbath, pool of blood, blood everywhere, stabbing, stabbed, strangled, strangling, execution, executing, lynching, "
            "suicide, hanged, terrorist attack, genocide, rape, beaten to death, killing people, shooting people, guts, disembowelled"
        ),
        _sentences("""
            a man killing another man with a knife
            soldiers shooting civilians
            a gunman shoots a man in the head
            beating a helpless victim
            a woman beaten by her husband
            killing villagers with a rifle
            cutting off the arm of a person
        """),
    ),
    UseKind.HATE: Wording(
        _listed(
            "swastika, nazi, neo-nazi, hitler, adolf hitler, third reich, waffen ss, ss officer, sieg heil, ku klux klan, kkk, klansman, "
            "white power rally, white power logo, white supremacy, white supremacist, racist, racism, racial slur, antisemitic, anti-semitic, antisemitism, "
            "homophobic, transphobic, islamophobic, xenophobic, blackface, ethnic cleansing, holocaust denial, subhuman, gas the jews"
        ),
        _sentences("""
            immigrants are vermin
            foreigners shown as rats
            black people shown as monkeys
            a poster that says muslims are animals
            jews shown as greedy and evil
            insulting people because of their race
        """),
    ),
    UseKind.POLITICS: Wording(
        _listed(
            "election poster, election campaign, presidential election, campaign poster, campaign logo, campaign badge, vote for, ballot paper, "
            "propaganda, political party, political rally, party rally, politician, politics, president of the united states, prime minister, "
            "chancellor, senator, republican party, democratic party, conservative party, labour party, "
            "donald trump, trump, joe biden, biden, kamala harris, barack obama, obama, hillary clinton, vladimir putin, putin, "
            "volodymyr zelensky, zelensky, xi jinping, angela merkel, merkel, emmanuel macron, macron, boris johnson, narendra modi, "
            "netanyahu, erdogan, kim jong un, election banner"
        ),
        _sentences("""
            asking people to vote for our candidate
            whom citizens should vote for
            demonstrators with signs against the government
            a speech in parliament
            an election poster for the mayor
        """),
    ),
    UseKind.ADDICTION: Wording(
        _listed(
            "alcohol, alcoholic, beer, whisky, whiskey, vodka, bourbon, tequila, champagne, liquor, brandy, cognac, gin bottle, gin and tonic, "
            "rum bottle, glass of wine, bottle of wine, wine bottle, drinking wine, drunk, drunken, cigarette, cigar, cigarillo, tobacco, "
            "vaping, vape, e-cigarette, smoking a pipe, hookah, ashtray, casino, gambling, gambler, roulette, slot machine, poker, "
            "bet money, online betting, betting site, sports betting, lottery, sportsbook"
        ),
        _sentences("""
            advertisement for an alcoholic drink
            friends drinking wine at a bar
            a man smoking a cigarette
            people bet money on football
            poster for a new brand of tobacco
        """),
    ),
    UseKind.RELIGION: Wording(
        _listed(
            "blasphemy, blasphemous, mocking jesus, mocking god, mocking allah, mocking muhammad, mocking the prophet, insulting allah, "
            "insulting the prophet, insulting god, sacrilege, desecrated, desecration, desecrating, burning the quran, burning the koran, "
            "burning the bible, burning a bible, burning holy books, trampling the bible, spitting on the cross, spitting on a crucifix, "
            "ridiculing religion"
        ),
        _sentences("""
            jesus as a stupid clown
            a cartoon that makes fun of the pope
            a satirical cartoon ridiculing gods
            making fun of people who pray in a mosque
            buddha drawn as a drunk idiot
            the pope as the devil
            a caricature of the prophet muhammad
            jesus on a toilet
        """),
    ),
}
