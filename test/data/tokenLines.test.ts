import { expect } from 'chai';
import { decodeText, nestsDeeper } from '../../src/files/text.js';
import { codesOfLine, parseTokenLines } from '../../src/data/tokenLines.js';
import { InputError } from '../../src/errors.js';

describe('token lines', () => {
  const first = (text: string) => parseTokenLines(text, 'x')[0]!;

  it('are read with all that they say, and where they stand', () => {
    const line = {
      tokens: [1, 2],
      grid: [1, 2],
      class_id: 3,
      class: 'a',
      source: 'b',
      crop: 1,
      flipped: true,
    };
    expect(first(`\n\n${JSON.stringify(line)}\n`)).to.deep.equal({ ...line, place: 'x: line 3' });
    expect(first('{"tokens":[0],"grid":null,"class_id":null,"source":null}')).to.deep.equal({
      tokens: [0],
      place: 'x: line 1',
    });
  });

  for (const [what, text, says] of [
    ['a token beyond 32 bits', '{"tokens":[1,4294967299]}', "field 'tokens.1' must be a whole number"],
    ['a token of 2³¹', '{"tokens":[2147483648]}', "field 'tokens.0' must be"],
    ['a negative token', '{"tokens":[-1]}', "field 'tokens.0' must be"],
    ['half a token', '{"tokens":[0.5]}', "field 'tokens.0' must be"],
    ['a token as text', '{"tokens":["1"]}', "field 'tokens.0' must be"],
    ['no tokens', '{"tokens":[]}', "field 'tokens' must be"],
    ['no field for tokens', '{"token":[1]}', "field 'tokens' must be"],
    ['a class beyond 32 bits', '{"tokens":[1],"class_id":2147483648}', "field 'class_id' must be"],
    ['a negative class', '{"tokens":[1],"class_id":-1}', "field 'class_id' must be"],
    ['a class as text', '{"tokens":[1],"class_id":"1"}', "field 'class_id' must be"],
    ['a name that is none', '{"tokens":[1],"class":5}', "field 'class' must be a string"],
    ['a grid of one', '{"tokens":[1],"grid":[1]}', "field 'grid' must be"],
    ['a grid of zero', '{"tokens":[1],"grid":[0,1]}', "field 'grid' must be"],
    ['a list', '[1,2]', 'not an object'],
    ['null', 'null', 'not an object'],
    ['a number', '5', 'not an object'],
    ['cut lines', '{"tokens":[1', 'not JSON'],
    ['nesting', `{"tokens":${'['.repeat(1e6)}${']'.repeat(1e6)}}`, 'nested too deeply'],
    [
      'nesting elsewhere',
      `{"tokens":[1],"x":${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}}`,
      'nested too deeply',
    ],
    ['more tokens than a picture has', `{"tokens":[${'1,'.repeat(1 << 16)}1]}`, '65537 tokens are more than'],
  ] as const)
    it(`refuse ${what} by the line`, () => {
      expect(() => parseTokenLines(`{"tokens":[1]}\n${text}`, 'x')).to.throw(InputError, `x: line 2: `);
      expect(() => first(text)).to.throw(InputError, says);
    });

  it('are not misled by a prototype or by halves of letters', () => {
    const line = first('{"__proto__":{"class_id":5,"grid":[9,9]},"tokens":[1,2,3,4],"class":"\\ud800"}');
    expect(line).to.have.all.keys('tokens', 'class', 'place');
    expect(codesOfLine(line, 'x').grid).to.deep.equal({ height: 2, width: 2 });
    expect(JSON.stringify(line)).to.include('\\ud800');
  });

  it('may end in any way and start with a mark', () => {
    const text = '{"tokens":[1]}\r\n{"tokens":[2]}\r\n';
    const utf16 = Buffer.from(`\uFEFF${text}`, 'utf16le');
    for (const bytes of [Buffer.from(text), Buffer.from(`\uFEFF${text}`), utf16, Buffer.from(utf16).swap16()])
      expect(parseTokenLines(decodeText(bytes), 'x').map(({ tokens }) => tokens)).to.deep.equal([[1], [2]]);
  });

  it('nesting is counted outside texts only', () => {
    expect(nestsDeeper('{"a":"[[[[\\"[["}', 1)).to.equal(false);
    expect(nestsDeeper('[[],[],[]]', 2)).to.equal(false);
    expect(nestsDeeper('[[],[[]]]', 2)).to.equal(true);
  });
});
