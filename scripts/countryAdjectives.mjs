/** Of countries, by their code of ISO 3166, what is said of their things in English, as in `a Japanese flag`. */
export const countryAdjectives = Object.fromEntries(
  `
ad andorran, ae emirati, af afghan, ag antiguan, al albanian, am armenian, ao angolan, ar argentine argentinian, at austrian,
au australian, az azerbaijani, ba bosnian, bb barbadian, bd bangladeshi, be belgian, bf burkinabe, bg bulgarian, bh bahraini,
bi burundian, bj beninese, bm bermudian, bn bruneian, bo bolivian, br brazilian, bs bahamian, bt bhutanese, by belarusian,
bz belizean, ca canadian, cf central-african, ch swiss, ci ivorian, cl chilean, cm cameroonian, cn chinese, co colombian,
cr costa-rican, cu cuban, cv cape-verdean, cy cypriot, cz czech, de german, dj djiboutian, dk danish, dz algerian, ec ecuadorian,
ee estonian, eg egyptian, er eritrean, es spanish, et ethiopian, eu european, fi finnish, fj fijian, fo faroese, fr french,
ga gabonese, gb british, gd grenadian, ge georgian, gh ghanaian, gl greenlandic, gm gambian, gn guinean, gr greek, gt guatemalan,
gu guamanian, gy guyanese, hn honduran, hr croatian, ht haitian, hu hungarian, id indonesian, ie irish, il israeli, in indian,
iq iraqi, ir iranian, is icelandic, it italian, jm jamaican, jo jordanian, jp japanese, ke kenyan, kg kyrgyz, kh cambodian,
km comorian, kp north-korean, kr south-korean korean, kw kuwaiti, kz kazakh, la lao laotian, lb lebanese, lk sri-lankan,
lr liberian, lt lithuanian, lu luxembourgish, lv latvian, ly libyan, ma moroccan, mc monegasque, md moldovan, me montenegrin,
mg malagasy, mk macedonian, ml malian, mm burmese, mn mongolian, mr mauritanian, mt maltese, mu mauritian, mv maldivian,
mw malawian, mx mexican, my malaysian, mz mozambican, na namibian, ng nigerian, ni nicaraguan, nl dutch, no norwegian,
np nepalese nepali, nz new-zealand, om omani, pa panamanian, pe peruvian, ph philippine filipino, pk pakistani, pl polish,
pr puerto-rican, ps palestinian, pt portuguese, pw palauan, py paraguayan, qa qatari, ro romanian, rs serbian, ru russian,
rw rwandan, sa saudi, sb solomon, sc seychellois, sd sudanese, se swedish, sg singaporean, si slovenian slovene, sk slovak,
sm sammarinese, sn senegalese, so somali, sr surinamese, ss south-sudanese, sv salvadoran, sy syrian, td chadian, tg togolese,
th thai, tj tajik, tm turkmen, tn tunisian, to tongan, tr turkish, tt trinidadian, tw taiwanese, tz tanzanian, ua ukrainian,
ug ugandan, us american, uy uruguayan, uz uzbek, va vatican, ve venezuelan, vn vietnamese, vu ni-vanuatu, ws samoan,
xk kosovar, ye yemeni, za south-african, zm zambian, zw zimbabwean`
    .trim()
    .split(/,\s+/)
    .map((line) => {
      const [code, ...adjectives] = line.split(' ');
      return [code, adjectives.map((adjective) => adjective.replaceAll('-', ' '))];
    }),
);
