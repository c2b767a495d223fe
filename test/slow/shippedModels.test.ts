import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { DIGITS_MODEL, digitsMetrics, EMOJI_MODEL, emojiMetrics } from '../support/modelMetrics.js';

/** A figure of the model card, from its table. */
function statedFigure(model: string, name: string): number {
  const card = readFileSync(`${model}/README.md`, 'utf8');
  const row = card.split('\n').find((line) => line.startsWith(`| ${name}`));
  const figure = Number(/\| ([\d.]+)/.exec(row?.slice(2) ?? '')?.[1]);
  expect(figure, `${name} in the model card`).to.be.greaterThan(0);
  return figure;
}

describe('shipped models', () => {
  it('the digits model has the figures of its card', async () => {
    const metrics = await digitsMetrics(1000);
    const stated = (name: string) => statedFigure(DIGITS_MODEL, name);
    expect(metrics.classifierAccuracy * 100).to.be.closeTo(stated('real digits recognised'), 0.2);
    expect(metrics.sampleAccuracy).to.be.at.least(0.95);
    expect(metrics.sampleAccuracy * 100).to.be.closeTo(stated('samples recognised'), 1);
    expect(metrics.heldOutLoss).to.be.closeTo(stated('held-out loss'), 0.01);
    expect(metrics.psnr).to.be.closeTo(stated('reconstruction PSNR'), 0.1);
    expect(metrics.codebookUse * 100).to.be.closeTo(stated('codebook used'), 1);
  });

  it('the emoji model has the figures of its card', async () => {
    const metrics = await emojiMetrics();
    const stated = (name: string) => statedFigure(EMOJI_MODEL, name);
    expect(metrics.heldOutLoss).to.be.closeTo(stated('held-out loss'), 0.02);
    expect(metrics.psnr).to.be.closeTo(stated('reconstruction PSNR'), 0.1);
    expect(metrics.codebookUse * 100).to.be.closeTo(stated('codebook used'), 1);
  });
});
