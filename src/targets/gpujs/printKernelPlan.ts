import type { KernelPlan, ValueSource } from './kernelPlan.js';
import { printable } from '../../printable.js';
import { formatType } from '../../graph/tensorType.js';

function describe(source: ValueSource, plan: KernelPlan): string {
  switch (source.kind) {
    case 'input':
      return source.name;
    case 'parameter':
      return `${source.name}${source.transposed ? ' (transposed)' : ''}`;
    case 'constant':
      return `constant ${formatType(source.node.outputs[0]!)}`;
    case 'step':
      return `kernel ${source.step} (${plan.steps[source.step]!.covers.at(0) ?? 'empty'})`;
  }
}

/** Each kernel's source under the operations it covers and the arrays it reads. */
export function printKernelPlan(plan: KernelPlan): string {
  const kernels = plan.steps.map(({ source, reads, layout, covers, flops }, index) => {
    const { rows, columns, lanes } = layout;
    const results = lanes === 1 ? 'one result' : `${lanes} results`;
    return [
      `// kernel ${index}: ${printable(covers.join(' + '))}`,
      `// ${rows}×${columns} threads of ${results}, ${flops} FLOPs`,
      ...reads.map((read, argument) => `// a${argument}: ${printable(describe(read, plan))}`),
      source,
      '',
    ].join('\n');
  });
  return [...kernels, `// ${plan.steps.length} kernels`, ''].join('\n');
}
