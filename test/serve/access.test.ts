import { expect } from 'chai';
import { hostName, isLoopback, requireOwnOrigin, requireToken } from '../../src/serve/access.js';
import type { ApiError } from '../../src/serve/apiError.js';

const RULES = { hosts: new Set(['studio.example']), token: undefined };

const requestOf = (headers: Readonly<Record<string, string>>, method = 'POST', path = '/v1/arpg/sample') => ({
  method,
  path,
  header: (name: string) => headers[name],
});

const statusOf = (check: () => void): number => {
  try {
    check();
    return 200;
  } catch (error) {
    return (error as ApiError).status;
  }
};

const originStatus = (headers: Readonly<Record<string, string>>, method?: string, path?: string) =>
  statusOf(() => requireOwnOrigin(requestOf(headers, method, path), RULES));

describe('access to a server', () => {
  it('reads names from the Host header', () => {
    expect(hostName('localhost:7860')).to.equal('localhost');
    expect(hostName('[::1]:80')).to.equal('::1');
    expect(hostName('Studio.Example')).to.equal('studio.example');
    for (const wrong of [undefined, '', 'a b', 'a@b', 'a:b:c', '[::1', 'a/b', 'a:123456'])
      expect(hostName(wrong), String(wrong)).to.equal(undefined);
  });

  it('tells addresses of the machine itself from others', () => {
    for (const own of ['127.0.0.1', '127.9.9.9', '::1', 'localhost'])
      expect(isLoopback(own), own).to.equal(true);
    for (const other of ['0.0.0.0', '::', '192.168.0.1', '127.example.com', 'example.com'])
      expect(isLoopback(other), other).to.equal(false);
  });

  it('answers to addresses and its own names, not to names made to lead here', () => {
    for (const host of ['127.0.0.1:7860', 'localhost:1', '[::1]:7860', '10.0.0.7', 'studio.example'])
      expect(originStatus({ host }), host).to.equal(200);
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', ''])
      expect(originStatus({ host }), host).to.equal(421);
  });

  it('refuses what pages of other sites send', () => {
    const host = 'localhost:7860';
    expect(originStatus({ host, origin: 'http://localhost:7860' })).to.equal(200);
    expect(originStatus({ host, origin: 'https://localhost:7860' })).to.equal(200);
    for (const origin of ['null', 'http://localhost:8000', 'http://evil.example', 'http://localhost'])
      expect(originStatus({ host, origin }), origin).to.equal(403);
    expect(originStatus({ host, 'sec-fetch-site': 'cross-site' }, 'GET')).to.equal(403);
    expect(originStatus({ host, 'sec-fetch-site': 'same-origin' })).to.equal(200);
    const visit = { host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect(originStatus(visit, 'GET', '/')).to.equal(200);
    expect(originStatus(visit, 'POST')).to.equal(403);
  });

  it('wants the token, but for the page and finished pictures', () => {
    const rules = { ...RULES, token: 'correct-horse' };
    const status = (authorization: string | undefined, path?: string) =>
      statusOf(() =>
        requireToken(requestOf(authorization === undefined ? {} : { authorization }, 'GET', path), rules),
      );
    expect(status('Bearer correct-horse')).to.equal(200);
    expect(status('bearer   correct-horse')).to.equal(200);
    for (const wrong of [undefined, '', 'Bearer', 'Bearer wrong', 'Basic correct-horse', 'correct-horse'])
      expect(status(wrong), String(wrong)).to.equal(401);
    for (const open of ['/', '/page.js', '/healthz', '/v1/pictures/abc.png'])
      expect(status(undefined, open), open).to.equal(200);
    expect(status(undefined, '/v1/models')).to.equal(401);
  });
});
