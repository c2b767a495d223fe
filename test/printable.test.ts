import { expect } from 'chai';
import { printable, shorten } from '../src/printable.js';

describe('printing text from outside', () => {
  const hostile = [
    ...Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)),
    ...Array.from({ length: 33 }, (_, code) => String.fromCharCode(0x7f + code)),
    '\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\ufeff',
    '\ud800',
    '\udc00x',
  ];

  it('control characters, line ends, half characters and turned directions come as escapes', () => {
    for (const text of hostile) {
      const shown = printable(`a${text}b`);
      expect(shown).to.match(/^a(\\u[0-9a-f]{4}|x)+b$/);
      expect(JSON.parse(`"${shown}"`)).to.equal(`a${text}b`);
    }
    expect(printable('\u001b[31m')).to.equal('\\u001b[31m');
  });

  it('what people write stays: any script, emoji joined of several', () => {
    for (const text of ['äöü ß', 'کتاب‌ها', '日本語', '👩‍👩‍👧', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'o\'b"\\<&>'])
      expect(printable(text)).to.equal(text);
    expect(printable('a\nb\tc', '\n')).to.equal('a\nb\\u0009c');
  });

  it('long text is cut in the middle', () => {
    expect(shorten('x'.repeat(10), 10)).to.equal('x'.repeat(10));
    const cut = shorten(`start${'x'.repeat(1000)}end`, 100);
    expect(cut).to.match(/^startx+ … x+end$/);
    expect(cut).to.have.length(100);
  });
});
