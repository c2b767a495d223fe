import type { Graph } from '../../../../src/graph/graph.js';
import type { Weights } from '../../../../src/graph/weights.js';
import { createGraphRunner } from '../../../../src/sampling/runner.js';
import { system as maskGit } from '../../../../src/systems/maskGit.js';
import { fedWeights } from './fedWeights.js';
import type { MaskedSubject } from './maskedRun.js';
import { originalStep } from './originalNetwork.js';
import { replayOriginalSampling } from './replayOriginalSampling.js';
import { replayMaskedCases, replayV1 } from './replaySampling.js';
import { replayTables } from './replayTables.js';
import type { MaskGitSubject } from './subject.js';
import { v1Step } from './v1Network.js';

/** Replays the sampling of a network. */
async function withNetwork(
  { checklist, source, target }: MaskGitSubject,
  step: () => Graph,
  weights: Weights,
  network: MaskedSubject['network'],
  replay: (subject: MaskedSubject) => Promise<void>,
): Promise<void> {
  const runner = createGraphRunner({ step }, weights, target);
  try {
    await replay({ checklist, source, runner, network });
  } finally {
    await runner.dispose();
  }
}

/** Checks the tables of all samplers and their cases, each with its own network. @param cases of the set's own network */
export async function replaySamplers(subject: MaskGitSubject, cases: readonly unknown[]): Promise<void> {
  const { checklist, config, weights, sections } = subject;
  const { v1, google } = sections;
  replayTables(checklist);
  await withNetwork(subject, maskGit.graphs(config).step!, weights, config, (own) =>
    replayMaskedCases(own, cases),
  );
  if (v1?.generate !== undefined && checklist.asked(/^v1\.(generate|weight)\./).length > 0) {
    const graph = v1Step(v1);
    await withNetwork(
      subject,
      () => graph,
      fedWeights(checklist, 'v1.weight.', graph),
      { ...v1, input_size: v1.f_factor },
      (own) => replayV1(own, v1.generate),
    );
  }
  if (google?.generate === undefined || checklist.asked(/^google\.generate\./).length === 0) return;
  const graph = originalStep(google);
  const { codebook_size, vocab_size, max_position_embeddings } = google;
  await withNetwork(
    subject,
    () => graph,
    fedWeights(checklist, 'google.params.', graph),
    {
      codebook_size,
      // The classes and the mask follow the codes; the class is the first token.
      nclass: vocab_size - codebook_size - 1,
      input_size: Math.sqrt(max_position_embeddings - 1),
    },
    (own) => replayOriginalSampling(own, google.generate),
  );
}
