"""Small files of the shapes in which people keep their tables, with made-up values."""

import numpy as np


def _lines(lines: list[str], end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode()


def wine_quality(rows: int = 120) -> bytes:
    """Semicolons, quoted names, and classes 3 to 8 of which some are rare."""
    rng = np.random.default_rng(1)
    grades = [3, 8, 8, *rng.choice([4, 5, 6, 7], rows - 3, p=[0.05, 0.45, 0.4, 0.1])]
    head = '"fixed acidity";"volatile acidity";"residual sugar";"quality"'
    return _lines([head, *(f"{rng.normal(8):.1f};{rng.random():.3f};{rng.gamma(2):.2f};{g}" for g in grades)])


def adult(rows: int = 80, stop: str = ".") -> bytes:
    """No header, a blank after each comma, a question mark for what is missing, and a comment before it all."""
    rng = np.random.default_rng(2)
    jobs = ["Private", "State-gov", "?"]
    return _lines([
        "|1x3 Cross validator",
        *(
            f"{rng.integers(17, 90)}, {jobs[rng.choice(3, p=[0.7, 0.2, 0.1])]}, {rng.integers(10**4, 10**5)}, "
            f"{'Male' if rng.random() < 0.6 else 'Female'}, {'>50K' if rng.random() < 0.3 else '<=50K'}{stop}"
            for _ in range(rows)
        ),
        "",
    ])  # fmt: skip


PENGUINS = b"""rowid,species,island,bill_length_mm,body_mass_g,sex,year
1,Adelie,Torgersen,39.1,3750,male,2007
2,Adelie,Torgersen,NA,NA,NA,2007
3,Adelie,Dream,40.3,3250,female,2007
4,Gentoo,Biscoe,46.1,4500,.,2008
5,Gentoo,Biscoe,50,5700,male,2008
6,Gentoo,Biscoe,48.7,4450,female,2008
7,Chinstrap,Dream,46.5,3500,female,2009
8,Chinstrap,Dream,50,3900,male,2009
9,Adelie,Biscoe,37.8,3400,female,2009
10,Gentoo,Biscoe,47.6,5400,male,2009
"""

COUNTRIES = _lines([
    "code,population,area,continent",
    *(f"{a}{b},{i * 37 % 101 + 1},{i * 53 % 89 + 0.5},{('NA', 'EU', 'None', 'null', 'True', '1e5')[i % 6]}"
      for i, (a, b) in enumerate((a, b) for a in "ABCDE" for b in "PQRSTU")),
])  # fmt: skip

DAILY_REPORT = b'''\xef\xbb\xbf"Province, State",Last_Update,Confirmed,"Deaths ""so far""",Level
"Hubei, China",2020-03-01 10:13:19,66907,2761,high
"Travis, CA (""from Diamond Princess"")",2020-02-24 23:33:02,5,0,low
"San Diego County, CA",2020-02-21 05:43:02,2,0,low
"=HYPERLINK(""http://example.org"",""x"")",2020-03-01 10:13:19,1350,22,high
"Hubei, China",2020-03-02 15:03:23,67103,2803,high
"San Diego County, CA",2020-02-25 05:43:02,2,0,low
'''

GERMAN = (
    "Gemeinde;Fläche;Einwohner;Steuersatz;Größe\r\n"
    "Aachen;160,85;249.070;12,5;groß\r\n"
    "Köln;405,01;1.085.664;13,25;groß\r\n"
    "Monschau;94,62;11.693;11,0;klein\r\n"
    "Roetgen;39,03;8.650;10,75;klein\r\n"
    "Bonn;141,06;330.579;12,0;groß\r\n"
    "Simmerath;110,94;15.403;11,5;klein\r\n"
)


def seeds(rows: int = 30) -> bytes:
    """Numbers and classes from 1, without a header, by tabs of which there are two now and then."""
    rng = np.random.default_rng(3)
    gaps = ["\t\t" if i % 7 == 3 else "\t" for i in range(rows)]
    return _lines([
        f"{rng.normal(15):.2f}\t{rng.normal(14):.2f}{gap}{rng.random():.4f}\t{1 + i // 10}"
        for i, gap in enumerate(gaps)
    ])  # fmt: skip


def sonar(rows: int = 24) -> bytes:
    """Numbers and a letter, without a header."""
    rng = np.random.default_rng(4)
    return _lines([",".join(f"{v:.4f}" for v in rng.random(8)) + ("," + "RM"[i % 2]) for i in range(rows)])


def ionosphere(rows: int = 24) -> bytes:
    """As sonar, with columns of 0 and 1, of which one is always 0."""
    rng = np.random.default_rng(5)
    return _lines(
        [f"{i % 3 and 1},0,{rng.uniform(-1, 1):.5f},{rng.uniform(-1, 1):.5f},{'bg'[i % 2]}" for i in range(rows)]
    )


FILES = {
    "wine quality": wine_quality(),
    "adult": adult(),
    "penguins": PENGUINS,
    "countries": COUNTRIES,
    "daily report": DAILY_REPORT,
    "German export": GERMAN.encode("cp1252"),
    "seeds": seeds(),
    "sonar": sonar(),
    "ionosphere": ionosphere(),
    "UTF-16": GERMAN.encode("utf-16"),
}
