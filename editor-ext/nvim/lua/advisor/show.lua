--- Windows with what is only to be read.

local M = {}

local function window_of(bufnr)
  for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    if vim.api.nvim_win_get_buf(window) == bufnr then
      return window
    end
  end
end

local function buffer(name)
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_get_name(bufnr) == name then
      return bufnr
    end
  end
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(bufnr, name)
  vim.bo[bufnr].bufhidden = 'wipe'
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = bufnr, desc = 'Close this window' })
  return bufnr
end

local function open(bufnr)
  local window = window_of(bufnr)
  if window then
    vim.api.nvim_set_current_win(window)
    return window
  end
  vim.cmd('botright split')
  vim.api.nvim_win_set_buf(0, bufnr)
  return vim.api.nvim_get_current_win()
end

--- Show lines in a scratch window, in place of what was shown under the name before. `q` closes it.
function M.lines(name, lines, filetype)
  local bufnr = buffer('advisor://' .. name)
  vim.bo[bufnr].modifiable = true
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
  vim.bo[bufnr].modifiable = false
  vim.bo[bufnr].modified = false
  local window = open(bufnr)
  vim.wo[window].wrap = false
  if vim.bo[bufnr].filetype ~= filetype then
    vim.bo[bufnr].filetype = filetype
  end
  return bufnr
end

--- Show Markdown in a scratch window.
function M.markdown(name, text)
  return M.lines(name, vim.split((text:gsub('\n+$', '')), '\n'), 'markdown')
end

return M
