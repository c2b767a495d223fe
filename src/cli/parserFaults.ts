const WHOLE_NUMBER = /Expected an integer(?: (greater|less) than or equal to (\S+))? but received: (\S+)/;
const ONE_OF = /Expected --([\w-]+)=(.*) to be one of: /;

/** What the command line parser says of a flag's value, in this program's words: `--steps many is not a whole number`. */
export function valueFault(text: string): string {
  return text
    .replace(WHOLE_NUMBER, (_, bound?: string, limit?: string, given?: string) => {
      const range = bound === undefined ? '' : ` ${bound === 'greater' ? '≥' : '≤'} ${limit}`;
      return `${given} is not a whole number${range}`;
    })
    .replace(/^Parsing (--[\w-]+);? /, '$1 ')
    .replace(ONE_OF, '--$1 $2 is none of ');
}
