--- Questions to the person.

local roots = require('advisor.root')
local say = require('advisor.say')
local server = require('advisor.server')
local status = require('advisor.status')
local trust = require('advisor.trust')

local M = {}

local KNOWN = { [true] = 'you trust it', [false] = 'you do not trust it' }

--- Ask whether the code of a buffer's project may run, keep the answer and tell the server.
function M.trust(bufnr)
  if vim.api.nvim_buf_get_name(bufnr) == '' then
    return say.problem(':AdvisorTrust is about the project of a file: open one first')
  end
  local root = roots.of_buffer(bufnr)
  local choices = {
    { text = 'Trust it: its code is run to trace its models', decision = true },
    { text = 'Do not trust it: its models are read from the source only', decision = false },
    { text = 'Forget what I decided: config.toml of the advisor decides', decision = nil },
  }
  vim.ui.select(choices, {
    prompt = ('Trust %s (now: %s)?'):format(root, KNOWN[trust.decision(root)] or 'not decided'),
    format_item = function(choice) return choice.text end,
  }, function(choice)
    if not choice then
      return
    end
    local problem = trust.decide(root, choice.decision)
    if problem then
      return say.problem(('%s: %s; nothing was decided'):format(trust.file(), problem))
    end
    server.trust_changed(root, choice.decision)
  end)
end

--- Choose a model of a buffer: that at the cursor, the only one, or one that the person picks; `done` gets its name.
function M.model(bufnr, done)
  local here = status.model_at(bufnr, vim.api.nvim_win_get_cursor(0)[1] - 1)
  if here then
    return done(here.name)
  end
  local names = status.models(bufnr)
  if #names == 0 then
    return say.problem('no model is known in this file yet: try again in a moment')
  end
  vim.ui.select(names, { prompt = 'Which model?' }, function(name)
    if name then
      done(name)
    end
  end)
end

return M
