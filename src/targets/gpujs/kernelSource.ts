import type { Expression } from '../../graph/gpuRule.js';

interface Block {
  readonly lines: string[];
  readonly names: Map<Expression, Expression>;
}

/**
 * Writes the statements of one kernel. Expressions that are given a name are computed once, in the outermost block
 * in which everything they read is known.
 */
export class KernelSource {
  private readonly blocks: Block[] = [{ lines: [], names: new Map() }];
  /** The block in which each variable came to be. */
  private readonly depths = new Map<string, number>();
  /** Variables that are assigned to: what reads them must stay where it is. */
  private readonly changing = new Set<string>();
  private count = 0;

  private fresh(prefix: string, depth: number): string {
    const name = `${prefix}${this.count++}`;
    this.depths.set(name, depth);
    return name;
  }

  private get innermost(): number {
    return this.blocks.length - 1;
  }

  private namesIn(expression: Expression): readonly string[] {
    return expression.match(/\b[vcit]\d+\b/g) ?? [];
  }

  temporary(expression: Expression): Expression {
    if (/^-?[\w.]+$/.test(expression)) return expression;
    for (const { names } of this.blocks) {
      const known = names.get(expression);
      if (known !== undefined) return known;
    }
    const names = this.namesIn(expression);
    const depth = names.some((name) => this.changing.has(name))
      ? this.innermost
      : Math.max(0, ...names.map((name) => this.depths.get(name) ?? 0));
    const block = this.blocks[depth]!;
    const name = this.fresh('t', depth);
    block.lines.push(`const ${name} = ${expression};`);
    if (!names.some((own) => this.changing.has(own))) block.names.set(expression, name);
    return name;
  }

  variable(initial: Expression): Expression {
    const name = this.fresh('v', this.innermost);
    this.changing.add(name);
    this.blocks.at(-1)!.lines.push(`let ${name} = ${initial === '0' ? '0.0' : initial};`);
    return name;
  }

  assign(variable: Expression, value: Expression): void {
    this.blocks.at(-1)!.lines.push(`${variable} = ${value};`);
  }

  loop(count: number, body: (index: Expression) => void): void {
    if (count <= 0) return;
    const index = this.fresh('i', this.blocks.length);
    const lines = this.nested(() => body(index));
    this.blocks
      .at(-1)!
      .lines.push(`for (let ${index} = 0; ${index} < ${count}; ${index}++) {`, ...lines, '}');
  }

  when(condition: Expression, body: () => void): void {
    const lines = this.nested(body);
    this.blocks.at(-1)!.lines.push(`if (${condition}) {`, ...lines, '}');
  }

  private nested(body: () => void): readonly string[] {
    this.blocks.push({ lines: [], names: new Map() });
    body();
    return this.blocks.pop()!.lines.map((line) => `  ${line}`);
  }

  /** The function's source. */
  finish(parameters: readonly string[], results: readonly Expression[]): string {
    const result = results.length === 1 ? results[0]! : `[${results.join(', ')}]`;
    const lines = [...this.blocks[0]!.lines, `return ${result};`].map((line) => `  ${line}`);
    return [`function (${parameters.join(', ')}) {`, ...lines, '}'].join('\n');
  }
}
